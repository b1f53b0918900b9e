"""An answer of the API server that is an error, as it words one: a Status with code, reason and message."""

from __future__ import annotations

from typing import Any

from aiohttp import web

_REASONS = {
    400: "BadRequest",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.reason = code, message, reason or _REASONS[code]

    @property
    def status(self) -> dict[str, Any]:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": self.code,
            "reason": self.reason,
            "message": self.message,
        }


def refused(refusal: Refusal, **headers: str) -> web.Response:
    """The answer that an error is."""
    return web.json_response(refusal.status, status=refusal.code, headers=headers)
