"""What the supervisor calls in the relay's child process.

The child has been forked, has its privileges taken and its PR_SET_PDEATHSIG set by the supervisor; here it
gets its descriptor limit, its signal handlers and its loop. It returns when a stop asked for by SIGTERM is
complete; the caller then ends the process.
"""

import gc
import logging
import resource
import signal
import socket
from types import FrameType

from llmmonitor_sidecar.relay.listener import resolve
from llmmonitor_sidecar.relay.loop import POD_ADDRESS, RelayLoop
from llmmonitor_sidecar.settings import Mode, Settings
from llmmonitor_sidecar.shared_page import SharedPage
from llmmonitor_sidecar.tee import TeeSender

UNTIL_ALL_ENDED_SECONDS = 30 * 86_400.0
"""As long as a connection may stay open after a hand-over; the pod's own end comes before it."""

log = logging.getLogger(__name__)


def run_relay(
    settings: Settings, page: SharedPage, tee_sender: TeeSender, listener: socket.socket | None = None
) -> None:
    """Relay until SIGTERM and the end of the grace period, or SIGUSR1 and the end of the last connection.

    Args:
        settings: `mode` listen: listens on `listen_host:listen_port` while `Slot.ACCEPT_WANTED` and forwards
            to `target_host:target_port`; transparent: `listener` is required.
        page: made by the supervisor before the fork.
        tee_sender: made in this process (each sender is a new epoch of the channel).
        listener: the IP_TRANSPARENT socket; connections go to the address the client wanted.

    Raises:
        OSError: a host name of the settings has no address.
        ValueError: transparent without a listener.
    """
    _raise_descriptor_limit()
    if settings.mode is Mode.TRANSPARENT:
        if listener is None:
            raise ValueError("relay: transparent mode needs the listener made by the supervisor")
        loop = RelayLoop(page, tee_sender, None, listener=listener)
    else:
        own_address = next(iter(resolve(settings.listen_host, settings.listen_port).items()))
        targets = resolve(settings.target_host, settings.target_port)
        if settings.in_pod:
            targets[POD_ADDRESS] = next(iter(resolve(settings.pod_ip, settings.target_port).values()))
        loop = RelayLoop(page, tee_sender, targets, own_address)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        loop.request_stop(settings.stop_grace_seconds)

    def hand_over(_signal: int, _frame: FrameType | None) -> None:
        loop.request_stop(UNTIL_ALL_ENDED_SECONDS)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGUSR1, hand_over)
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a terminal's Ctrl-C goes to the supervisor, which says stop
    gc.collect()
    gc.freeze()
    gc.disable()  # flows leave no cycles; a collection would hold every stream up for milliseconds
    loop.run()


def _raise_descriptor_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
