"""The application of aiohttp for the API server: `/mutate`."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from llmmonitor_operator.webhook.admitter import BODY_BYTES_LIMIT, Admitter, Body
from llmmonitor_operator.webhook.review import Unreadable


@dataclass(slots=True)
class Draining:
    """Set when the process has to end: connections are closed after their next answer."""

    begun: bool = False


def make_mutate_app(admitter: Admitter, draining: Draining) -> web.Application:
    """`POST /mutate`, which is answered with 200 whatever was sent."""

    async def mutate(request: web.Request) -> web.Response:
        response = web.Response(
            body=await admitter.answer(lambda: _received(request)), content_type="application/json"
        )
        if draining.begun or not request.content.at_eof():
            response.force_close()  # the API server's next request goes to another replica
        return response

    app = web.Application()
    app.router.add_post("/mutate", mutate)
    return app


async def _received(request: web.Request) -> Body:
    """At most `BODY_BYTES_LIMIT` of what is sent, and whether that is all.

    Raises:
        Unreadable: it is not coded as it says.
    """
    data = bytearray()
    try:
        async for chunk in request.content.iter_any():
            data += chunk
            if len(data) > BODY_BYTES_LIMIT:
                return Body(bytes(data), whole=False)
    except web.RequestPayloadError as error:
        raise Unreadable(f"the request's body cannot be read: {error}") from error
    return Body(bytes(data), whole=True)
