"""`llm-monitor watch` as a user types it: its exit status, and what it prints.

A process of its own where it begins to watch; where it refuses what it was given, there is nothing to begin.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from typer.testing import CliRunner

from llmmonitor_cli.main import app
from llmmonitor_cli.manifest import parse

MONITOR = """
apiVersion: llmmonitor.io/v1alpha1
kind: LLMMonitor
metadata: {name: mine}
spec:
  selector: {matchLabels: {app: mine}}
  sampling: {reportInterval: 5s}
  performance:
    stallAfter: 2s
    objectives:
      - {name: no-errors, signal: ErrorRate, target: 90%, window: 1h}
"""
BILLIONS = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
COMPLETION = {
    "object": "chat.completion",
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


@asynccontextmanager
async def openai_server(*, status: int = 200, hang: bool = False) -> AsyncIterator[int]:
    """A server that answers every chat in the same way."""

    async def chat(_request: web.Request) -> web.Response:
        if hang:
            await asyncio.sleep(60)
        return web.json_response(COMPLETION if status == 200 else {"error": {"message": "no"}}, status=status)

    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", chat)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def watching(
    tmp_path: Path, port: int, *options: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """The command, once it has said where clients go; killed at the end if it still runs."""
    monitor = tmp_path / "monitor.yaml"
    monitor.write_text(MONITOR)
    command = [
        sys.executable,
        "-m",
        "llmmonitor_cli.main",
        "watch",
        "-f",
        str(monitor),
        "--target",
        f"127.0.0.1:{port}",
    ]
    process = await asyncio.create_subprocess_exec(
        *command, *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        while not (found := re.search(rb"send clients to (\S+),", line := await process.stderr.readline())):
            assert line, "the command ended before it listened"
        yield process, found[1].decode()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def ask(listen: str, times: int) -> None:
    async with aiohttp.ClientSession() as session:
        for _ in range(times):
            async with session.post(f"http://{listen}/v1/chat/completions", json={"model": "m"}) as answer:
                await answer.read()


async def test_a_failing_server_ends_the_command_with_status_1_and_the_reason(tmp_path: Path) -> None:
    async with (
        openai_server(status=500) as port,
        watching(tmp_path, port, "--fail-on", "PerformanceHealthy=False") as (process, listen),
    ):
        with contextlib.suppress(aiohttp.ClientError):  # it ends as soon as it knows enough
            await ask(listen, 40)
        out, err = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 1
    assert b"PerformanceHealthy is False" in err
    assert re.search(r"no-errors: errors 100 %.*n=\d+", out.decode())


async def test_a_hanging_server_is_said_to_be_stalled(tmp_path: Path) -> None:
    async with (
        openai_server(hang=True) as port,
        watching(tmp_path, port, "--fail-on", "Healthy=False", "--json") as (process, listen),
    ):
        asking = asyncio.create_task(ask(listen, 1))
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
            await asking

    conditions = {one["type"]: one for one in json.loads(out)["status"]["conditions"]}
    assert process.returncode == 1
    assert conditions["PerformanceHealthy"]["reason"] == "Stalled"


async def test_a_good_server_ends_well_when_the_time_is_over(tmp_path: Path) -> None:
    async with (
        openai_server() as port,
        watching(tmp_path, port, "--for", "6s", "--fail-on", "Healthy=False") as (process, listen),
    ):
        await ask(listen, 30)
        out, _ = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 0
    assert re.search(r"Type: +PerformanceHealthy", out.decode())
    assert re.search(r"Requests: +30", out.decode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_however_it_ends_it_leaves_no_process_behind(tmp_path: Path, number: signal.Signals) -> None:
    async with openai_server() as port, watching(tmp_path, port) as (process, listen):
        await ask(listen, 1)
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 3  # supervisor, relay, analyser

        os.kill(process.pid, number)
        await asyncio.wait_for(process.communicate(), 30)

        _, alive = await asyncio.to_thread(psutil.wait_procs, started, 15)
        assert not alive


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "nonsense"], "must be HOST:PORT"),
        (["--target", "127.0.0.1:99999"], "must be HOST:PORT"),
        (["--target", "http://127.0.0.1:8000"], "must be HOST:PORT"),
        (["--target", "127.0.0.1:8000", "--listen", "8000"], "it is the model's own"),
        (["--target", "127.0.0.1:8000", "--fail-on", "Helthy=False"], "no condition 'Helthy'"),
        (["--target", "127.0.0.1:8000", "--fail-on", "Healthy=Maybe"], "status 'Maybe'"),
        (["--target", "127.0.0.1:8000", "--for", "soon"], "soon"),
    ],
)
def test_bad_arguments_are_refused_with_what_would_do(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "m.yaml").write_text(MONITOR)

    ended = CliRunner().invoke(app, ["watch", "-f", str(tmp_path / "m.yaml"), *arguments])

    assert ended.exit_code == 2
    assert said in ended.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not YAML"),
        ("a: 1\n---\nb: 2", "2 documents"),
        ("- 1", "one LLMMonitor object is needed"),
        (
            MONITOR.replace("target: 90%", "target: 190%").replace("signal: ErrorRate", "signal: Wrong"),
            "190%",
        ),
        (MONITOR.replace("metadata: {name: mine}", "metadata: 7"), "metadata"),
        ("{a: " * 3000 + "}" * 3000, "nested too deeply"),
        ("spec: &itself {performance: *itself}", "aliases"),
        (BILLIONS, "aliases"),
        (MONITOR.replace("name: mine", "name: mine, one: .nan"), "nan is no number"),
        (MONITOR.replace("name: mine", "name: mine, one: !!set {a}"), "holds a set"),
        ("#" * 2_000_000, "larger than"),
    ],
)
def test_a_bad_file_is_refused_with_every_error(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(text)

    ended = CliRunner().invoke(app, ["watch", "-f", str(file), "--target", "127.0.0.1:8000"])

    assert ended.exit_code == 2
    assert isinstance(ended.exception, SystemExit)  # any other would be a traceback
    assert said in ended.stderr


def test_a_time_in_the_file_is_kept_as_text() -> None:
    written = MONITOR.replace("name: mine", "name: mine, creationTimestamp: 2026-01-01T10:00:00Z")

    assert parse(written, "m.yaml").written["metadata"]["creationTimestamp"].startswith("2026-01-01T10:00:00")


async def test_a_port_that_somebody_has_is_not_given_to_clients(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MONITOR)
    command = [sys.executable, "-m", "llmmonitor_cli.main", "watch", "-f", str(tmp_path / "m.yaml")]
    async with openai_server() as taken:
        process = await asyncio.create_subprocess_exec(
            *command,
            *("--target", "127.0.0.1:1", "--listen", str(taken)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{taken}" in err.decode()
    assert "send clients" not in err.decode()


async def test_a_sidecar_that_is_killed_ends_the_command_with_its_last_words(tmp_path: Path) -> None:
    async with openai_server() as port, watching(tmp_path, port) as (process, _):
        (supervisor,) = psutil.Process(process.pid).children()
        supervisor.kill()
        out, err = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 2
    assert "the sidecar ended with status -9" in err.decode()
    assert "Traceback" not in err.decode()
    assert "Healthy" in out.decode()


async def test_killed_it_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))

    async with openai_server() as port, watching(tmp_path, port) as (process, _):
        process.kill()
        await process.wait()

    assert not list((tmp_path / "tmp").iterdir())
