"""Interception in the kernel: the nft table, the dead man's switch, and what may stand in their way.

The only module that changes the pod's network. Every failure becomes a reason and is tried again; none leaves
connections worse off than without us, since the elements of the set expire by themselves within a second.
"""

from __future__ import annotations

import contextlib
import errno
import logging
from typing import TYPE_CHECKING

from llmmonitor_sidecar.settings import HIGHEST_PORT, MESH_PORTS
from llmmonitor_sidecar.supervisor import drain, mesh, ruleset
from llmmonitor_sidecar.supervisor.coverage import Coverage
from llmmonitor_sidecar.supervisor.coverage import transparent as transparent_coverage
from llmmonitor_sidecar.supervisor.listener import transparent_listener
from llmmonitor_sidecar.supervisor.nftables import NftablesError
from llmmonitor_sidecar.supervisor.reasons import Reason

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from llmmonitor_sidecar.settings import Settings
    from llmmonitor_sidecar.supervisor.nftables import Nftables
    from llmmonitor_sidecar.supervisor.ruleset import Families
    from llmmonitor_sidecar.supervisor.socket_diagnosis import SocketDiagnosis, TcpSocket

RENEWAL_INTERVAL_NS = 300_000_000
INSTALL_RETRY_NS = 5_000_000_000
RULES_INTERVAL_NS = 10_000_000_000
PORTS_TRIED = 16
"""From the relay's port upwards; nobody but the rule needs to know which one it is."""

_log = logging.getLogger(__name__)


class Transparent:
    """The table, while it is ours to have."""

    has_relay = True
    can_step_aside = True

    def __init__(self, settings: Settings, nft: Nftables, diagnosis: SocketDiagnosis) -> None:
        self._ports = _ports(settings)
        self._relay_port = self._ports[0]
        self._target_port = settings.target_port
        self._nft = nft
        self._diagnosis = diagnosis
        self._armed = ruleset.Families()
        self._renewed_ns = 0
        self._installed = False
        self._refusal = Reason.STARTING
        self._install_at_ns = 0
        self._mesh = ""
        self._look_at_rules_at_ns = 0
        self._listener_refusal = Reason.READING
        self._inherited: frozenset[drain.End] | None = None

    def obstacle(self, now_ns: int) -> Reason:
        """What forbids interception; looks at the rules, and installs the table, when due."""
        if now_ns >= self._look_at_rules_at_ns:
            self._look_at_rules_at_ns = now_ns + RULES_INTERVAL_NS
            self._look_at_rules(now_ns)
        if self._mesh:
            return Reason.MESH_REDIRECTS
        if not self._installed and now_ns >= self._install_at_ns:
            self._install_at_ns = now_ns + INSTALL_RETRY_NS
            self._install()
        return self._listener_refusal if self._installed else self._refusal

    def listener(self) -> socket.socket:
        """A new transparent listener for a new relay: on the port of the rule, or the next free one above."""
        try:
            listener, port = self._first_free()
        except OSError as error:
            refusal = _reason_of(error)
            if refusal is not self._listener_refusal:
                _log.error("no listener on port %d or above: %s", self._ports[0], error)
            self._listener_refusal = refusal
            raise
        self._listener_refusal = Reason.READING
        self._use(port)
        return listener

    def _first_free(self) -> tuple[socket.socket, int]:
        *others, last = dict.fromkeys((self._relay_port, *self._ports))
        for port in others:
            try:
                return transparent_listener(port), port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
        return transparent_listener(last), last

    def _use(self, port: int) -> None:
        """The rule names the port: for another one it is made anew, before anything is armed."""
        if port == self._relay_port:
            return
        _log.warning("port %d is taken: the relay listens on %d", self._relay_port, port)
        self._relay_port = port
        self._installed, self._install_at_ns = False, 0
        self._armed = ruleset.Families()

    def apply(self, arm: Families, model: Families, now_ns: int) -> None:  # noqa: ARG002 - arm is within model
        """Renew the dead man's switch when due; change at once what is to change."""
        if not self._installed or (not arm and not self._armed):
            return
        if arm == self._armed and now_ns - self._renewed_ns < RENEWAL_INTERVAL_NS:
            return
        try:
            self._nft.run(ruleset.renew(self._target_port, arm) if arm else ruleset.disarm())
        except NftablesError as error:
            _log.error("the rules could not be renewed and are made anew: %s", error)
            self._installed, self._install_at_ns = False, now_ns
            self._armed = ruleset.Families()
            return
        self._armed, self._renewed_ns = arm, now_ns

    def coverage(self, is_ours: Callable[[TcpSocket], bool]) -> Coverage:
        """Asked of the kernel."""
        at_port = self._diagnosis.established(local_port=self._target_port)
        to_port = self._diagnosis.established(remote_port=self._target_port)
        return transparent_coverage(at_port, to_port, is_ours, self._inherited or frozenset())

    def drain(self, patience: drain.Patience) -> int:
        """Close some idle connections that bypass the rule while it holds; how many.

        Raises:
            OSError: the kernel does not do that.
        """
        if not self._armed:  # they would come back unread
            return 0
        at_port = self._diagnosis.established(local_port=self._target_port, traffic=True)
        to_port = self._diagnosis.established(remote_port=self._target_port)
        closed = 0
        for one in drain.to_close(at_port, to_port, self._inherited or frozenset(), patience):
            with contextlib.suppress(ProcessLookupError):
                self._diagnosis.destroy(one)
                closed += 1
        return closed

    def close(self) -> None:
        """Remove the table; `obstacle` makes it anew, at once, when it is asked again."""
        if not self._installed:
            return
        self._installed, self._install_at_ns = False, 0
        self._armed = ruleset.Families()
        try:
            self._nft.run(ruleset.remove())
        except NftablesError as error:
            _log.error("the rules stay, without effect: %s", error)

    def _look_at_rules(self, now_ns: int) -> None:
        """A mesh's among them are left alone, ours that are gone are made anew."""
        try:
            rules = self._nft.run(ruleset.list_all())
        except NftablesError as error:
            _log.warning("the rules of others cannot be read: %s", error)
            rules = ""
        found = mesh.found(rules, self._diagnosis.listeners())
        if found and not self._mesh:
            _log.warning("a service mesh redirects this pod's traffic already: %s", found)
            self.close()
        self._mesh = found
        if self._installed and rules and not ruleset.is_whole(rules, self._relay_port):
            _log.error("somebody took our rules away; they are made anew")
            self._installed, self._install_at_ns = False, now_ns
            self._armed = ruleset.Families()

    def _install(self) -> None:
        if self._inherited is None:  # before a relay of ours: what is transparent now is a predecessor's
            at_port = self._diagnosis.established(local_port=self._target_port)
            self._inherited = frozenset((one.remote, one.remote_port) for one in at_port if one.transparent)
        try:
            self._nft.run(ruleset.install(self._relay_port))
        except NftablesError as error:
            refusal = Reason.NOT_PERMITTED if "not permitted" in str(error) else Reason.KERNEL_UNSUPPORTED
            if refusal is not self._refusal:
                _log.error("the rules are refused: %s", error)
            self._refusal = refusal
            return
        self._installed = True


def _ports(settings: Settings) -> tuple[int, ...]:
    """The relay's port and some above it, without those that have an owner."""
    others = {settings.target_port, settings.api_port, *MESH_PORTS}
    above = range(settings.relay_port, min(settings.relay_port + PORTS_TRIED, HIGHEST_PORT + 1))
    return tuple(port for port in above if port not in others)


def _reason_of(error: OSError) -> Reason:
    if error.errno == errno.EADDRINUSE:
        return Reason.PORT_TAKEN
    return Reason.NOT_PERMITTED if error.errno in (errno.EPERM, errno.EACCES) else Reason.KERNEL_UNSUPPORTED
