"""`llm-monitor demo` as a user runs it, on the real model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import psutil
import pytest

pytestmark = [pytest.mark.model, pytest.mark.timeout(400)]
DEMO = [sys.executable, "-m", "llmmonitor_cli.main", "demo"]


async def start(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *DEMO, *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


@pytest.mark.long
async def test_conditions_are_true_before_the_incident_and_performance_is_not_after_it() -> None:
    process = await start("--json")
    out, err = await process.communicate()

    assert process.returncode == 0, err.decode()
    story = json.loads(out)
    before = {line.split()[0] for line in story["before"]}
    after = {one["type"]: one for one in story["after"]["status"]["conditions"]}
    assert {"Healthy=True", "Ready=True", "Reporting=True", "PerformanceHealthy=True"} <= before
    assert after["PerformanceHealthy"]["status"] == "False"
    assert after["PerformanceHealthy"]["reason"] == "BurnRateHigh"
    assert "n=" in after["PerformanceHealthy"]["message"]
    assert after["Healthy"]["status"] == "False"
    assert story["clients"]["failed"] > 0  # the crash was real


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.usefixtures("model_file")
async def test_ended_at_any_time_it_leaves_nothing_behind(number: signal.Signals) -> None:
    process = await start()
    assert process.stderr is not None
    while b"sidecar listens" not in (line := await process.stderr.readline()):
        assert line, "the demo ended before its sidecar listened"
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) >= 4  # model server, supervisor, relay, analyser

    os.kill(process.pid, number)
    await asyncio.wait_for(process.communicate(), 60)

    _, alive = await asyncio.to_thread(psutil.wait_procs, started, 20)
    assert not alive
