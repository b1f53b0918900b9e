"""Fixtures of more than one folder: the whole sidecar as a user runs it, a real model, a scripted server."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from llmmonitor_api.configuration import Configuration
from llmmonitor_cli.demo import model
from llmmonitor_cli.demo.model_process import ModelServer, serving
from llmmonitor_cli.sidecar_process import SidecarProcess, Target, sidecar_beside

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]
SidecarBeside = Callable[[Target, Configuration], AbstractAsyncContextManager[SidecarProcess]]

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How fast something is, is measured in bench/: a busy machine must fail no test."""
settings.load_profile("no clock")


@pytest.fixture
def beside(tmp_path: Path) -> SidecarBeside:
    """Start a sidecar in front of a target."""
    return lambda target, configuration: sidecar_beside(target, None, configuration, tmp_path / "sidecar.log")


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The real model; fetched once, by one of the workers."""
    try:
        return asyncio.run(model.fetch(model.SMOLLM2, model.cache_folder(), lambda _done, _all: None))
    except model.ModelUnavailable as problem:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"the real model is not to be had: {problem}")


@pytest.fixture
async def real_model(model_file: Path, tmp_path: Path) -> AsyncIterator[ModelServer]:
    """llama.cpp serving SmolLM2."""
    async with serving(model_file, 2, tmp_path / "model.log") as server:
        yield server


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus' own checker, where tests/install-system-packages has brought it or it was there."""
    own = Path(__file__).parents[1] / ".cache" / "prometheus" / "promtool"
    found = str(own) if own.exists() else shutil.which("promtool")
    if not found:
        pytest.skip("!!! NOT TESTED: metrics and alerts, no promtool; see tests/install-system-packages")
    return found


@pytest.fixture
def scripted() -> Callable[[Handler], AbstractAsyncContextManager[Target]]:
    """A server that does to every connection what the handler says."""

    @asynccontextmanager
    async def serve(handler: Handler) -> AsyncIterator[Target]:
        server = await asyncio.start_server(handler, "127.0.0.1", 0, limit=1 << 20)  # type: ignore[arg-type]  # any result
        try:
            yield Target("127.0.0.1", server.sockets[0].getsockname()[1])
        finally:
            server.close()

    return serve
