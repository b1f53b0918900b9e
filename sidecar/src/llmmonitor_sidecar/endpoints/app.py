"""The answers of `api` and `feedback` behind aiohttp's routes: nobody else knows the framework's requests.

Whatever goes wrong inside comes out as JSON with a reason, is logged, and never ends the process: 503 where
the sidecar cannot say how it is, 500 elsewhere. Nothing tells what software answers.
"""

from __future__ import annotations

import asyncio
import logging
import time

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from llmmonitor_api.report.told import HEADER
from llmmonitor_api.signing.document import BYTES_LIMIT
from llmmonitor_sidecar.endpoints.answer import Answer, error
from llmmonitor_sidecar.endpoints.api import Api, Sources
from llmmonitor_sidecar.endpoints.feedback import BODY_BYTES_LIMIT, PATH
from llmmonitor_sidecar.endpoints.repeating import REQUEST_TIMEOUT, Repeating

REQUEST_SECONDS = 10.0
"""How long a request may take, its body included, and without what is told again and again."""

_log = logging.getLogger(__name__)


def make_app(
    sources: Sources, request_seconds: float = REQUEST_SECONDS, repeating: Repeating | None = None
) -> web.Application:
    """An application with the routes; `server.serving` binds it."""
    api, desk, repeating = Api(sources), sources.feedback, repeating or Repeating()

    async def metrics(request: web.Request) -> web.StreamResponse:
        return give(api.metrics(_accept(request), _authorization(request)))

    async def report(request: web.Request) -> web.StreamResponse:
        has = request.headers.get(HEADER, "")
        answer = api.report(request.method, request.raw_path, _authorization(request), has)
        told = await repeating.give(request, answer, lambda: api.report_again(has))
        return told or give(answer)

    async def health(_request: web.Request) -> web.StreamResponse:
        return give(api.health())

    async def configure(request: web.Request) -> web.StreamResponse:
        return give(api.configure(await request.read()))

    async def feedback(request: web.Request) -> web.StreamResponse:
        refused = desk.refused(_authorization(request))
        if refused is not None:
            return _closing(refused)
        body = await _bounded(request, BODY_BYTES_LIMIT)
        if body is None:
            return _closing(desk.too_large())
        return give(desk.take(body, time.monotonic_ns()))

    async def review(request: web.Request) -> web.StreamResponse:
        return give(api.review(request.method, request.raw_path, _authorization(request)))

    app = web.Application(client_max_size=BYTES_LIMIT, middlewares=[_in_time_and_in_json(request_seconds)])
    app.on_response_prepare.append(_without_banner)
    app.on_shutdown.append(lambda _app: repeating.end())
    app.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/v1/report", report),
            web.get("/healthz", health),
            web.put("/v1/config", configure),
            web.post(PATH, feedback),
            web.get("/v1/review", review),
            web.delete("/v1/review", review),
            web.delete("/v1/clients", review),
        ]
    )
    return app


def _in_time_and_in_json(request_seconds: float) -> Middleware:
    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(request_seconds) as request[REQUEST_TIMEOUT]:
                return await handler(request)
        except web.HTTPException as problem:
            return _of_http(problem)
        except TimeoutError:
            return _closing(error(408, "too_slow", f"the request took longer than {request_seconds:.0f} s"))
        except ConnectionError:  # ended within its own body: nobody is there to answer, and nothing to log
            return _closing(error(400, "cut_off", "the connection ended within the request"))
        except ValueError as problem:  # from `apply`: a configuration that cannot be put in force
            _log.warning("refused by the sidecar: %s %s: %s", request.method, request.path, problem)
            return give(error(422, "not_applicable", str(problem)))
        except Exception:  # noqa: BLE001 - this shell must survive anything; it is logged and answered
            _log.exception("failed: %s %s", request.method, request.path)
            status = 503 if request.path == "/healthz" else 500
            return give(error(status, "sidecar_failed", "the sidecar's log says why"))

    return middleware


def _of_http(problem: web.HTTPException) -> web.Response:
    reason = (problem.reason or "").lower().replace(" ", "_")
    response = give(error(problem.status, reason, problem.text or problem.reason or ""))
    if hdrs.ALLOW in problem.headers:
        response.headers[hdrs.ALLOW] = problem.headers[hdrs.ALLOW]
    if problem.status == web.HTTPRequestEntityTooLarge.status_code:
        response.force_close()
    return response


def give(answer: Answer) -> web.Response:
    """An answer as aiohttp sends it."""
    headers = {hdrs.CONTENT_TYPE: answer.content_type, hdrs.CACHE_CONTROL: "no-store", **answer.headers}
    return web.Response(status=answer.status, body=answer.body, headers=headers)


def _closing(answer: Answer) -> web.Response:
    response = give(answer)
    response.force_close()
    return response


async def _bounded(request: web.Request, limit: int) -> bytes | None:
    """The body; None where it is longer than `limit`."""
    body = bytearray()
    async for chunk in request.content.iter_chunked(limit + 1):
        body += chunk
        if len(body) > limit:
            return None
    return bytes(body)


def _accept(request: web.Request) -> str:
    return ",".join(request.headers.getall(hdrs.ACCEPT, []))


def _authorization(request: web.Request) -> str:
    return request.headers.get(hdrs.AUTHORIZATION, "")


async def _without_banner(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.popall(hdrs.SERVER, None)
