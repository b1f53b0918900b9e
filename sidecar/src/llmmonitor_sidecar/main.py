"""`llm-monitor-sidecar`: puts the three processes of a sidecar together.

Settings come from the environment. The supervisor forks relay and analyser. The relay's modules are imported
before, so that its successor starts without reading a file; the analyser's are large and come in its own
process only.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from llmmonitor_sidecar import settings as settings_
from llmmonitor_sidecar.relay.process import run_relay
from llmmonitor_sidecar.shared_page import SharedPage
from llmmonitor_sidecar.supervisor import privileges, start
from llmmonitor_sidecar.supervisor.decide import Policy
from llmmonitor_sidecar.supervisor.supervisor import Supervisor
from llmmonitor_sidecar.tee import TeeChannel, TeeReceiver, TeeSender

if TYPE_CHECKING:
    import socket

    from llmmonitor_sidecar.settings import Settings

ANALYSER_NICENESS = 10
INVALID_SETTINGS_STATUS = 2

_log = logging.getLogger(__name__)


def main() -> int:
    """Run a sidecar until SIGTERM or SIGINT.

    Returns:
        The exit status: 0; 2 when the settings are wrong and this is no pod. In a pod we stay, idle, since a
        native sidecar that exits keeps the model from starting.
    """
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(process)d %(message)s",
    )
    try:
        settings = settings_.from_environment(os.environ)
    except settings_.InvalidSettingsError as error:
        for problem in error.problems:
            _log.error("settings: %s", problem)
        if not os.environ.get("KUBERNETES_SERVICE_HOST"):
            return INVALID_SETTINGS_STATUS
        signal.sigwait({signal.SIGTERM, signal.SIGINT})
        return 0
    run(settings)
    return 0


def run(settings: Settings) -> None:
    """Supervise a relay and an analyser with these settings; returns when told to stop."""
    page, channel = SharedPage(), TeeChannel()
    way, target = start.choose(settings, page)
    policy = Policy(
        max_added_latency_us=int(settings.max_added_latency_seconds * 1e6), can_step_aside=way.can_step_aside
    )
    Supervisor(
        settings=settings,
        page=page,
        way=way,
        target=target,
        relay=functools.partial(_relay, settings, page, channel),
        analyser=functools.partial(_analyser, settings, page, channel),
        policy=policy,
    ).run()


def _relay(settings: Settings, page: SharedPage, channel: TeeChannel, listener: socket.socket | None) -> None:
    _give_up_capabilities(settings)
    run_relay(settings, page, TeeSender(channel), listener)


def _analyser(settings: Settings, page: SharedPage, channel: TeeChannel) -> None:
    _give_up_capabilities(settings)
    os.nice(ANALYSER_NICENESS)
    from llmmonitor_sidecar.analyser.process import run_analyser  # noqa: PLC0415 - in the child only: it is large

    run_analyser(settings, page, TeeReceiver(channel))


def _give_up_capabilities(settings: Settings) -> None:
    """The supervisor has NET_ADMIN for its rules; its children have no use for it."""
    if settings.mode is settings_.Mode.TRANSPARENT:
        privileges.keep_nothing()


if __name__ == "__main__":
    sys.exit(main())
