"""`llm-monitor watch`: anyone's model server, with the same monitor file as in a cluster."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass

from rich.console import Console

from llmmonitor_api.conditions import CONDITION_TYPES
from llmmonitor_cli.describe import Event
from llmmonitor_cli.following import follow, look
from llmmonitor_cli.manifest import Manifest
from llmmonitor_cli.monitoring import Monitoring, Watched
from llmmonitor_cli.screen import Screen
from llmmonitor_cli.sidecar_process import SidecarProcess, Target, scratch_file, sidecar_beside
from llmmonitor_operator.configure import configuration_for

_STATUSES = ("True", "False", "Unknown")
_HOST = re.compile(r"[\w.%-]+|\[?[0-9a-fA-F:.]+(%\w+)?\]?")
"""A name or IPv4 address, or an IPv6 address; no URL."""


@dataclass(frozen=True, slots=True)
class FailOn:
    """A condition that makes the command fail."""

    type: str
    status: str

    def met(self, monitoring: Monitoring) -> bool:
        """Whether it is so now."""
        return any((one.type, str(one.status)) == (self.type, self.status) for one in monitoring.conditions)


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    target: Target
    listen: int | None
    for_seconds: float | None
    fail_on: tuple[FailOn, ...]
    as_json: bool


def parse_fail_on(text: str) -> FailOn:
    """`Healthy=False` as a condition.

    Raises:
        ValueError: naming what is known.
    """
    kind, _, status = text.partition("=")
    known = [one.name for one in CONDITION_TYPES]
    if kind not in known:
        raise ValueError(f"--fail-on {text}: no condition {kind!r}; there are {', '.join(known)}")
    if status not in _STATUSES:
        raise ValueError(f"--fail-on {text}: status {status!r}; one of {', '.join(_STATUSES)}")
    return FailOn(kind, status)


def parse_target(text: str) -> Target:
    """`HOST:PORT` as a target.

    Raises:
        ValueError: if it is none.
    """
    host, _, port = text.rpartition(":")
    if not _HOST.fullmatch(host) or not port.isdecimal() or not 1 <= int(port) <= 65535:  # noqa: PLR2004 - ports
        raise ValueError(f"--target {text}: must be HOST:PORT, such as 127.0.0.1:8000")
    return Target(host.strip("[]"), int(port))


async def run(manifest: Manifest, options: Options, out: Console, progress_on: Console) -> FailOn | None:
    """Watch until the time is over, a `--fail-on` condition is met (given back), or Ctrl-C.

    Raises:
        SidecarFailed: with the sidecar's last words.
    """
    screen = Screen(progress_on, f"llm-monitor watch {options.target}", quiet=options.as_json)
    configuration = configuration_for(manifest.monitor)
    with scratch_file() as log:
        async with sidecar_beside(options.target, options.listen, configuration, log) as sidecar:
            watched = Watched(sidecar.pod_uid, str(options.target), sidecar.started_at)
            monitoring = Monitoring(manifest.monitor, manifest.written, watched)
            screen.announce(
                f"send clients to {sidecar.listen}, not to {options.target}; metrics: {sidecar.api}/metrics"
            )
            try:
                with screen.shown():
                    return await _until(sidecar, monitoring, screen, options)
            finally:
                _print(monitoring, options, out)


async def _until(
    sidecar: SidecarProcess, monitoring: Monitoring, screen: Screen, options: Options
) -> FailOn | None:
    try:
        async with asyncio.timeout(options.for_seconds), asyncio.TaskGroup() as group:
            met: asyncio.Future[FailOn] = asyncio.get_running_loop().create_future()

            def seen(changed: tuple[Event, ...]) -> None:
                screen.update(monitoring, changed)
                for one in options.fail_on:
                    if one.met(monitoring) and not met.done():
                        met.set_result(one)

            following = group.create_task(follow(sidecar, monitoring, seen))
            result = await met
            following.cancel()
            return result
    except TimeoutError:
        await look(sidecar, monitoring)
        return next((one for one in options.fail_on if one.met(monitoring)), None)


def _print(monitoring: Monitoring, options: Options, out: Console) -> None:
    if not monitoring.conditions:  # ended before the first look: then this is what is known
        monitoring.evaluate(time.time())
    if options.as_json:
        out.print_json(json.dumps(monitoring.resource()))
    else:
        out.print(monitoring.describe(time.time()), highlight=False, markup=False, soft_wrap=True)
