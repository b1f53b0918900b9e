"""Why a person does not get what was asked for: words for the person, a status for HTTP."""

from __future__ import annotations

from http import HTTPStatus


class Refused(Exception):
    """It is not done."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        self.status = status
        super().__init__(message)


def malformed(message: str) -> Refused:
    """It cannot be read."""
    return Refused(HTTPStatus.BAD_REQUEST, message)


def unknown_person(message: str) -> Refused:
    """Who asks is not told."""
    return Refused(HTTPStatus.UNAUTHORIZED, message)


def not_allowed(message: str) -> Refused:
    """Who asks may not."""
    return Refused(HTTPStatus.FORBIDDEN, message)


def not_there(message: str) -> Refused:
    """There is no such monitor or case."""
    return Refused(HTTPStatus.NOT_FOUND, message)


def not_now(message: str) -> Refused:
    """It could not be done, or not recorded, and so was not done."""
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, message)
