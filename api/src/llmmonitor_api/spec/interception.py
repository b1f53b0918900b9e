"""How traffic gets to be read: `spec.interception`. Modes and what each needs are in docs and design."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from llmmonitor_api.quantities import Duration
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.model import Rule, SpecModel

MESH_PORTS: Final = range(15_000, 15_100)
"""Taken by Envoy and ztunnel in a service mesh."""

SidecarPort = Annotated[int, Field(ge=1024, le=65_535, strict=True)]


class InterceptionMode(StrEnum):
    """How connections reach the relay."""

    AUTO = "Auto"
    TRANSPARENT = "Transparent"
    PORT = "Port"
    OFF = "Off"


class ExistingConnections(StrEnum):
    """What happens to connections that were open before the sidecar came."""

    KEEP = "Keep"
    DRAIN_IDLE = "DrainIdle"


class Interception(SpecModel):
    """How the sidecar reads the traffic of the model, and when it steps aside."""

    mode: InterceptionMode = InterceptionMode.AUTO
    """Transparent reads by a kernel rule and fails open; Port owns the model's named port and fails closed,
    so it is never chosen by itself; Off reads nothing (written "Off", in
    quotes: to kubectl a bare Off is a boolean); Auto is Transparent where allowed, else Off."""
    max_added_latency: Annotated[Duration, within(timedelta(microseconds=100), timedelta(seconds=1))] = (
        timedelta(milliseconds=5)
    )
    """Above this delay (p99 over 5 s) the relay steps aside and new connections go straight to the model;
    from 100us to 1s."""
    existing_connections: ExistingConnections = ExistingConnections.KEEP
    """Connections older than the sidecar are not read: Keep leaves them, DrainIdle closes each when idle."""
    relay_port: SidecarPort = 14_001
    """The port that the relay listens on; the next free one above is used if it is taken."""
    api_port: SidecarPort = 14_002
    """The port that reports and metrics are read from; the next free one above is used if it is taken."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="api_port",
            reads=("relay_port", "api_port"),
            message="apiPort must differ from relayPort; choose another",
            holds=lambda one: one.relay_port != one.api_port,
            cel="self.relayPort != self.apiPort",
        ),
        Rule(
            at="relay_port",
            reads=("relay_port",),
            message="ports 15000 to 15099 belong to service meshes; choose a relayPort outside them",
            holds=lambda one: one.relay_port not in MESH_PORTS,
            cel="self.relayPort < 15000 || self.relayPort > 15099",
        ),
        Rule(
            at="api_port",
            reads=("api_port",),
            message="ports 15000 to 15099 belong to service meshes; choose an apiPort outside them",
            holds=lambda one: one.api_port not in MESH_PORTS,
            cel="self.apiPort < 15000 || self.apiPort > 15099",
        ),
        Rule(
            at="existing_connections",
            reads=("mode", "existing_connections"),
            message="DrainIdle needs mode Transparent or Auto: the other modes have no rule to bypass",
            holds=lambda one: (
                one.existing_connections is ExistingConnections.KEEP
                or one.mode in {InterceptionMode.AUTO, InterceptionMode.TRANSPARENT}
            ),
            cel="self.existingConnections == 'Keep' || self.mode in ['Auto', 'Transparent']",
        ),
    )
