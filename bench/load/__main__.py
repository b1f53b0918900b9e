"""`python -m bench.load`: the load program and the model server behind the proxies, in one process.

Prints the model server's port; then reads a Plan per line from standard input and answers Started, Ended and
Finished lines. Long-lived, so that no run pays for the start of an interpreter; it exits when its input
closes. One process for both ends: tokens can go in lock step, and no third process takes part in the
scheduling.
"""

import asyncio
import gc
import sys

import msgspec
import uvloop
from bench.load.drive import Drive
from bench.load.plan import Message, Plan
from bench.model_server import Defaults, listen


def _tell(message: Message) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server, port = await listen(Defaults())
    print(port, flush=True)
    gc.collect()
    gc.freeze()
    gc.disable()  # a collection in mid-stream would be measured as a proxy's jitter
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        plan = msgspec.json.decode(line, type=Plan)
        _tell(await Drive(plan, _tell, server.release).run())
        server.exchanges.clear()
        gc.collect()


if __name__ == "__main__":
    uvloop.run(_serve())
