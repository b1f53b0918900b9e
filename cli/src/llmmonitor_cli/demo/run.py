"""Runs the demo: model, sidecar, users, incident, and the describe text at the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from llmmonitor_cli.demo import model, story
from llmmonitor_cli.demo.clients import Clients
from llmmonitor_cli.demo.model_process import ModelServer, serving
from llmmonitor_cli.following import follow, look
from llmmonitor_cli.manifest import parse
from llmmonitor_cli.monitoring import Monitoring, Watched
from llmmonitor_cli.reserved_port import LOOPBACK
from llmmonitor_cli.screen import Screen
from llmmonitor_cli.sidecar_process import SidecarProcess, Target, scratch_file, sidecar_beside
from llmmonitor_cli.view import QUIET_REASONS
from llmmonitor_operator.configure import configuration_for


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    keep: bool
    """Go on with ordinary traffic after the incident, until Ctrl-C."""
    as_json: bool
    listen: int | None


@dataclass(frozen=True, slots=True)
class _Stage:
    """Everything that runs."""

    server: ModelServer
    sidecar: SidecarProcess
    monitoring: Monitoring
    clients: Clients
    screen: Screen


async def run(options: Options, out: Console, progress_on: Console) -> None:
    """The whole demo; what a program or person keeps goes to `out`, the rest to `progress_on`.

    Raises:
        ModelUnavailable, ModelServerFailed, SidecarFailed: what is missing, and what to do about it.
    """
    file = await _fetch(progress_on)
    screen = Screen(progress_on, "llm-monitor demo", quiet=options.as_json)
    with scratch_file() as model_log, scratch_file() as sidecar_log:
        screen.say("starting the model server (llama.cpp, SmolLM2-135M-Instruct)")
        async with serving(file, story.SLOTS, model_log) as server:
            screen.say("timing one request at the idle model")
            pace = await story.measure_pace(server.url)
            text = Path(__file__).with_name("monitor.yaml").read_text()
            manifest = parse(
                text.replace("FIRST_TOKEN", f"{pace.threshold_seconds * 1000:.0f}ms"), "demo/monitor.yaml"
            )
            target = Target(LOOPBACK, server.port)
            configuration = configuration_for(manifest.monitor)
            async with sidecar_beside(target, options.listen, configuration, sidecar_log) as sidecar:
                watched = Watched(sidecar.pod_uid, str(target), sidecar.started_at)
                stage = _Stage(
                    server=server,
                    sidecar=sidecar,
                    monitoring=Monitoring(manifest.monitor, manifest.written, watched),
                    clients=Clients(f"http://{sidecar.listen}"),
                    screen=screen,
                )
                await _play(stage, pace, options, out)


async def _play(stage: _Stage, pace: story.Pace, options: Options, out: Console) -> None:
    screen, monitoring = stage.screen, stage.monitoring
    screen.say(f"the sidecar listens on {stage.sidecar.listen}; metrics: {stage.sidecar.api}/metrics")
    with screen.shown():
        await _while_following(stage, lambda: story.ordinary(stage.clients, pace, screen.say))
        before = _summary(monitoring)
        await _while_following(stage, lambda: story.incident(stage.clients, stage.server, screen.say))
        await look(stage.sidecar, monitoring)
    if options.as_json:
        document = {
            "before": before,
            "after": monitoring.resource(),
            "clients": dict(stage.clients.seen.answers),
        }
        out.print_json(json.dumps(document))
    else:
        out.print("\nBefore the incident:", style="bold")
        for line in before:
            out.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
        out.print("\n$ kubectl describe llmmonitor demo", style="bold")
        out.print(monitoring.describe(time.time()), highlight=False, markup=False, soft_wrap=True)
        seen = ", ".join(f"{count} {kind}" for kind, count in sorted(stage.clients.seen.answers.items()))
        out.print(f"\nWhat the clients themselves saw: {seen}", highlight=False)
    if options.keep:
        screen.say("ordinary traffic until Ctrl-C")
        with screen.shown():
            while True:
                await _while_following(stage, lambda: story.ordinary(stage.clients, pace, screen.say))


async def _while_following(stage: _Stage, act: Callable[[], Awaitable[None]]) -> None:
    """Follow the sidecar while `act` lasts."""
    async with asyncio.TaskGroup() as group:
        following = group.create_task(
            follow(
                stage.sidecar,
                stage.monitoring,
                lambda changed: stage.screen.update(stage.monitoring, changed, stage.clients.seen.answers),
            )
        )
        await act()
        following.cancel()


def _summary(monitoring: Monitoring) -> list[str]:
    return [
        f"{one.type}={one.status} {one.reason}: {one.message}"
        for one in monitoring.conditions
        if one.reason not in QUIET_REASONS
    ]


async def _fetch(console: Console) -> Path:
    columns = (
        TextColumn("fetching SmolLM2-135M-Instruct"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("model", total=None, visible=False)
        return await model.fetch(
            model.SMOLLM2,
            model.cache_folder(),
            lambda done, total: progress.update(task, completed=done, total=total, visible=True),
        )
