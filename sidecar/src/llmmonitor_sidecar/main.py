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
from llmmonitor_sidecar.supervisor import start
from llmmonitor_sidecar.tee import TeeChannel, TeeReceiver, TeeSender

if TYPE_CHECKING:
    import socket

    from llmmonitor_sidecar.settings import Settings

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
        return _explain(error)
    run(settings)
    return 0


def run(settings: Settings) -> None:
    """Supervise a relay and an analyser with these settings; returns when told to stop."""
    page, channel = SharedPage(), TeeChannel()
    start.supervise(
        settings,
        page,
        relay=functools.partial(run_child_relay, settings, page, channel),
        analyser=functools.partial(_run_child_analyser, settings, page, channel),
    )


def _explain(error: settings_.InvalidSettingsError) -> int:
    """Say what is wrong, and in a pod stay until told to go; the exit status."""
    stop = {signal.SIGTERM, signal.SIGINT}
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    if in_pod:
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    for problem in error.problems:
        _log.error("settings: %s", problem)
    if not in_pod:
        return INVALID_SETTINGS_STATUS
    signal.sigwait(stop)
    return 0


def run_child_relay(
    settings: Settings, page: SharedPage, channel: TeeChannel, listener: socket.socket | None
) -> None:
    """What the relay's process does."""
    run_relay(settings, page, TeeSender(channel), listener)


def _run_child_analyser(settings: Settings, page: SharedPage, channel: TeeChannel) -> None:
    from llmmonitor_sidecar.analyser.process import run_analyser  # noqa: PLC0415 - in the child only: it is large

    run_analyser(settings, page, TeeReceiver(channel))


if __name__ == "__main__":
    sys.exit(main())
