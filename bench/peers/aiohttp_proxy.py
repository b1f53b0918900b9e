"""A plain streaming proxy as one would write it with aiohttp: the peer that the relay must beat five times.

No uvloop and no tricks, but no blunders either: one client session, no decompression, every piece passed on
as it comes.
"""

import argparse
import asyncio
import sys

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from bench.peers.running import Place, Running, free_port, launch

DESCRIPTION = "a plain aiohttp proxy (asyncio, one process)"
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length"}


def start(place: Place) -> Running:
    """Start it in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "bench.peers.aiohttp_proxy", str(port), str(place.model_port)]
    return launch("aiohttp", command, port, place)


class Forwarder:
    """The handler: every request goes to the model, every answer comes back piece by piece."""

    def __init__(self, session: ClientSession, target: str) -> None:
        self._session = session
        self._target = target

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Forward one request."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        body = await request.read()
        async with self._session.request(
            request.method, self._target + request.rel_url.path_qs, headers=headers, data=body
        ) as answer:
            response = web.StreamResponse(status=answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    response.headers[name] = value
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


async def serve(port: int, model_port: int) -> None:
    """Serve until the process is terminated."""
    timeout = ClientTimeout(total=None, sock_connect=5)
    connector = TCPConnector(limit=8192)
    async with ClientSession(timeout=timeout, connector=connector, auto_decompress=False) as session:
        forwarder = Forwarder(session, f"http://127.0.0.1:{model_port}")
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_route("*", "/{path:.*}", forwarder.handle)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
        await asyncio.Event().wait()


def main() -> None:
    """Run the proxy as a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("model_port", type=int)
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.model_port))


if __name__ == "__main__":
    main()
