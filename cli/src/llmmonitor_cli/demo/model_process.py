"""The demo's model server as a process that can crash and come back, on one port."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from llmmonitor_cli.reserved_port import LOOPBACK, ReservedPort
from llmmonitor_cli.sidecar_process import end, spawn

_READY_SECONDS = 60.0
_POLL_SECONDS = 0.05


class ModelServerFailed(RuntimeError):
    """The model server did not come up; the message has its last words."""


class ModelServer:
    """llama.cpp serving one model, on one port through all its crashes."""

    def __init__(self, model: Path, slots: int, log: Path, port: int) -> None:
        self._model = model
        self._slots = slots
        self._log = log
        self.port = port
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Of the process that serves now."""
        return self._process.pid if self._process else None

    @property
    def url(self) -> str:
        """Straight to the model."""
        return f"http://{LOOPBACK}:{self.port}"

    async def start(self) -> None:
        """Start it and wait until the model is loaded.

        Raises:
            ModelServerFailed: if it ends or takes too long.
        """
        module = "llmmonitor_cli.demo.model_server"
        command = [sys.executable, "-m", module, str(self._model), str(self.port), str(self._slots)]
        with self._log.open("ab") as output:
            self._process = await spawn(command, {}, output.fileno())
        deadline = time.monotonic() + _READY_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session:
            while time.monotonic() < deadline and self._process.returncode is None:
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"{self.url}/health") as answer:
                        if answer.ok:
                            return
                await asyncio.sleep(_POLL_SECONDS)
        words = self._log.read_text(errors="replace")[-2000:]
        raise ModelServerFailed(f"the model server did not come up within {_READY_SECONDS:.0f} s:\n{words}")

    async def crash(self) -> None:
        """SIGKILL, as an OOM kill would be."""
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()

    async def stop(self) -> None:
        """Stop it for good."""
        if self._process:
            await end(self._process)


@asynccontextmanager
async def serving(model: Path, slots: int, log: Path) -> AsyncIterator[ModelServer]:
    """A model server as long as the context lasts."""
    with ReservedPort() as port:
        server = ModelServer(model, slots, log, port.number)
        try:
            await server.start()
            yield server
        finally:
            await server.stop()
