"""Puts a supervisor together for the mode that is asked for, and takes the privileges off on the way.

Every way that cannot be had becomes `Off` with its reason: the sidecar then still samples and probes, and
says why it does not read.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING

from llmmonitor_sidecar.settings import Mode, Settings
from llmmonitor_sidecar.supervisor import alone, privileges
from llmmonitor_sidecar.supervisor.decide import Policy
from llmmonitor_sidecar.supervisor.nftables import Nftables, NftablesError
from llmmonitor_sidecar.supervisor.reasons import Reason
from llmmonitor_sidecar.supervisor.signals import Signals
from llmmonitor_sidecar.supervisor.socket_diagnosis import SocketDiagnosis
from llmmonitor_sidecar.supervisor.supervisor import Supervisor
from llmmonitor_sidecar.supervisor.target import LocalTarget, RemoteTarget, Target, local_addresses
from llmmonitor_sidecar.supervisor.transparent import Transparent
from llmmonitor_sidecar.supervisor.ways import Listen, Off, Way

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from llmmonitor_sidecar.shared_page import SharedPage

ANALYSER_NICENESS = 10
"""Behind relay and model when a CPU is short."""

_log = logging.getLogger(__name__)


def supervise(
    settings: Settings,
    page: SharedPage,
    relay: Callable[[socket.socket | None], None],
    analyser: Callable[[], None],
) -> None:
    """Take off privileges, choose the way, and supervise until SIGTERM or SIGINT.

    Args:
        settings: of the process.
        page: shared with the children.
        relay: what the relay's child runs, given its listener in transparent mode.
        analyser: what the analyser's child runs.
    """
    way, target = choose(settings, page)
    claim = contextlib.ExitStack()
    if settings.in_pod and not settings.host_network:
        with Signals() as signals:
            claimed = alone.claim(signals)
        if claimed is None:
            return
        claim.enter_context(claimed)

    def run_relay(listener: socket.socket | None) -> None:
        claim.close()  # ours alone: a relay may outlive us by its grace period
        _give_up_capabilities(settings)
        relay(listener)

    def run_analyser() -> None:
        claim.close()
        _give_up_capabilities(settings)
        os.nice(ANALYSER_NICENESS)
        analyser()

    policy = Policy(
        max_added_latency_us=int(settings.max_added_latency_seconds * 1e6), can_step_aside=way.can_step_aside
    )
    with claim:
        Supervisor(
            settings=settings,
            page=page,
            way=way,
            target=target,
            relay=run_relay,
            analyser=run_analyser,
            policy=policy,
            has_successor=alone.has_successor,
            release=claim.close,
        ).run()


def _give_up_capabilities(settings: Settings) -> None:
    """The supervisor has NET_ADMIN for its rules; its children have no use for it."""
    if settings.mode is Mode.TRANSPARENT:
        privileges.keep_nothing()


def choose(settings: Settings, page: SharedPage) -> tuple[Way, Target]:
    """The way to read traffic, and the eye on the model. In transparent mode this leaves root."""
    privileges.give_way_to_the_model()
    if settings.mode is Mode.TRANSPARENT:
        return _transparent(settings)
    addresses = local_addresses(settings.target_host)
    if settings.in_pod:
        addresses |= local_addresses(settings.pod_ip)
    diagnosis = _diagnosis() if addresses else None
    target: Target = (
        LocalTarget(diagnosis, settings.target_port, addresses)
        if diagnosis
        else RemoteTarget(settings.target_host, settings.target_port)
    )
    return (Listen(settings, page, diagnosis) if settings.mode is Mode.LISTEN else Off()), target


def _transparent(settings: Settings) -> tuple[Way, Target]:
    try:
        privileges.keep_net_admin_only()
    except OSError as error:
        return _instead(Reason.NOT_PERMITTED, str(error), settings)
    if settings.host_network:
        return _instead(Reason.HOST_NETWORK, f"pod IP {settings.pod_ip} is the node's", settings)
    diagnosis = _diagnosis()
    if diagnosis is None:
        return _instead(Reason.KERNEL_UNSUPPORTED, "no sock_diag", settings)
    try:
        nft = Nftables()
    except NftablesError as error:
        return _instead(Reason.KERNEL_UNSUPPORTED, str(error), settings)
    return Transparent(settings, nft, diagnosis), LocalTarget(diagnosis, settings.target_port, frozenset())


def _instead(reason: Reason, why: str, settings: Settings) -> tuple[Way, Target]:
    _log.error("traffic is not read: %s", why)
    privileges.keep_nothing()
    diagnosis = _diagnosis()
    if diagnosis is None:
        return Off(reason), RemoteTarget(settings.target_host, settings.target_port)
    return Off(reason), LocalTarget(diagnosis, settings.target_port, frozenset())


def _diagnosis() -> SocketDiagnosis | None:
    """A client that the kernel answers; None where it does not (gVisor)."""
    try:
        diagnosis = SocketDiagnosis()
        diagnosis.listeners()
    except OSError as error:
        _log.warning("the kernel does not list sockets: %s", error)
        return None
    return diagnosis
