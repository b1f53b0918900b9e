"""What the API server refuses with, told apart by what the caller can do about it."""

from __future__ import annotations

from http import HTTPStatus


class ApiError(Exception):
    """The API server did not do what was asked; the text is its own message.

    Attributes:
        status: the HTTP status; 0 when no answer came.
        reason: `reason` of its Status object, such as `AlreadyExists`; may be empty.
        message: its words.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = reason
        self.message = message
        super().__init__(f"{status} {reason}: {message}" if status else message)


class NotFound(ApiError):
    """No such object, or no such kind."""


class Forbidden(ApiError):
    """RBAC or an admission plug-in says no; the message says which."""


class Conflict(ApiError):
    """Somebody else wrote first, or the object exists: read again."""


class Gone(ApiError):
    """The resource version is too old: list anew."""


class Invalid(ApiError):
    """The object breaks the schema or a rule; trying again is no use."""


class TooManyRequests(ApiError):
    """Asked to slow down (or, for an eviction, a PodDisruptionBudget forbids it)."""

    def __init__(self, status: int, reason: str, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(status, reason, message)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(ApiError):
    """No answer, or one of 5xx: try again later."""


_RETRY_AFTER_LIMIT_SECONDS = 60.0
"""Nobody shall make a watch stand still for longer by one header."""

_BY_STATUS: dict[int, type[ApiError]] = {
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.GONE: Gone,
    HTTPStatus.BAD_REQUEST: Invalid,
    HTTPStatus.UNPROCESSABLE_ENTITY: Invalid,
}


def error_for(status: int, reason: str, message: str, retry_after: str = "") -> ApiError:
    """The error of an answer.

    Args:
        status: of the answer, 300 or above.
        reason: of its Status object.
        message: of its Status object.
        retry_after: the header of that name.
    """
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = min(float(retry_after) if retry_after.isdecimal() else 1.0, _RETRY_AFTER_LIMIT_SECONDS)
        return TooManyRequests(status, reason, message, seconds)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(status, reason, message)
    return _BY_STATUS.get(status, ApiError)(status, reason, message)
