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
import time
from typing import TYPE_CHECKING

from llmmonitor_sidecar import settings as settings_
from llmmonitor_sidecar.kept_configuration import KeptConfiguration
from llmmonitor_sidecar.relay.process import run_relay
from llmmonitor_sidecar.shared_page import SharedPage
from llmmonitor_sidecar.supervisor import start
from llmmonitor_sidecar.tee import TeeChannel, TeeReceiver, TeeSender

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from llmmonitor_sidecar.settings import Settings

INVALID_SETTINGS_STATUS = 2

_STOP = (signal.SIGTERM, signal.SIGINT)

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
    in_pod = "KUBERNETES_SERVICE_HOST" in os.environ
    try:
        settings = settings_.from_environment(os.environ)
    except settings_.InvalidSettingsError as error:
        if in_pod:
            _stay(error.problems)
            return 0
        for problem in error.problems:
            _log.error("settings: %s", problem)
        return INVALID_SETTINGS_STATUS
    try:
        run(settings)
    except Exception as error:
        if not in_pod:
            raise
        _log.exception("the sidecar failed to start")
        _stay((f"it failed to start with {type(error).__name__}: {error}; its log says more",))
    return 0


def run(settings: Settings) -> None:
    """Supervise a relay and an analyser with these settings; returns when told to stop."""
    page, channel, keeper = SharedPage(), TeeChannel(), KeptConfiguration(time.time())
    start.supervise(
        settings,
        page,
        relay=functools.partial(run_child_relay, settings, page, channel),
        analyser=functools.partial(_run_child_analyser, settings, page, keeper, channel),
    )


def _stay(problems: Sequence[str]) -> None:
    """Do nothing until SIGTERM or SIGINT, and say why.

    A native sidecar that exits keeps the model from starting, an attached one that exits is gone for good.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    for problem in problems:
        _log.error("this sidecar does nothing: %s", problem)
    try:
        from llmmonitor_sidecar import idle  # noqa: PLC0415 - one that works has no use for it

        idle.answer("; ".join(problems))
    except Exception:  # noqa: BLE001 - the answers may be the very thing that cannot work; staying must
        _log.exception("nobody can be told over the network")
        signal.sigwait(_STOP)


def run_child_relay(
    settings: Settings, page: SharedPage, channel: TeeChannel, listener: socket.socket | None
) -> None:
    """What the relay's process does."""
    run_relay(settings, page, TeeSender(channel), listener)


def _run_child_analyser(
    settings: Settings, page: SharedPage, keeper: KeptConfiguration, channel: TeeChannel
) -> None:
    from llmmonitor_sidecar.analyser.process import run_analyser  # noqa: PLC0415 - in the child only: it is large

    run_analyser(settings, page, keeper, TeeReceiver(channel))


if __name__ == "__main__":
    sys.exit(main())
