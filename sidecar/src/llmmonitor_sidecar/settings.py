"""What a sidecar is told at its start: one frozen record from the environment (`LLM_MONITOR_*`).

The webhook, the attach patch or the CLI writes these variables; the supervisor parses them once and hands the
record to its children. Every error is said at once. What may change while running comes with the
configuration document instead, whose first version travels here as raw bytes (`configuration`) for the
analyser to decode: this module needs the standard library only, because the supervisor imports it.

A Kubernetes Service named `llm-monitor-api` makes the kubelet set `LLM_MONITOR_API_PORT=tcp://10.0.0.1:80` in
every pod of its namespace: such values are service links, not settings, and are passed over.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import itertools
import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "LLM_MONITOR_"
MESH_PORTS = range(15000, 15100)
"""Envoy's and ztunnel's own ports."""
HIGHEST_PORT = 65535
CONFIGURATION_BYTES_LIMIT = 120 * 1024
"""Linux takes 128 KiB for one variable (MAX_ARG_STRLEN)."""
LOWEST_MEMORY_CAP_BYTES = 96 * 1024 * 1024
"""Three processes at rest take about 80 MiB."""
PUBLIC_KEY_BYTES = 32
"""Ed25519, RFC 8032."""

_LOWEST_OWN_PORT = 1024
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
_AMOUNT = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")
_SERVICE_LINKS = ("tcp://", "udp://", "sctp://")

_Number = TypeVar("_Number", int, float)


class Mode(enum.StrEnum):
    """How the model's traffic reaches the relay; `Port` of the LLMMonitor is `listen` here."""

    LISTEN = "listen"
    TRANSPARENT = "transparent"
    OFF = "off"


class InvalidSettingsError(ValueError):
    """The environment cannot be used; `problems` has one sentence for each error."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a sidecar does not find out by itself."""

    mode: Mode
    target_port: int
    """Where the model listens."""
    target_host: str = "127.0.0.1"
    """In transparent mode only the samplers use it: the relay connects to where the client wanted to go."""
    listen_host: str = "127.0.0.1"
    """In a pod all addresses, unless it is said: the relay stands where the model's port is expected."""
    listen_port: int = 0
    """Where the relay listens in listen mode; 0 in the other modes."""
    relay_port: int = 14001
    """Where the kernel delivers intercepted connections in transparent mode."""
    api_host: str = "0.0.0.0"
    api_port: int = 14002
    resource_interval_seconds: float = 1.0
    max_added_latency_seconds: float = 0.005
    """Above it (p99 over 5 s) the sidecar steps aside."""
    stop_grace_seconds: float = 25.0
    """How long open connections may finish after SIGTERM; less than the pod's 30 s."""
    model_pid: int | None = None
    model_process: str = ""
    """Part of the model's command line, where its pid is not known; empty: found by its port."""
    metrics_url: str = ""
    """The model server's own metrics; empty: found by engine and target."""
    model_memory_limit_bytes: int | None = None
    """Limit of the model's container, whose cgroup cannot be seen from ours; None: read from the cgroup."""
    model_cpu_limit_cores: float | None = None
    gpus_requested: int | None = None
    """GPUs, or parts of one, that the pod requests; None: nobody told."""
    dcgm_exporter: str = ""
    """URL of the metrics of the node's DCGM exporter, with `{node}` for the node's address; empty: none."""
    memory_cap_bytes: int = 256 * 1024 * 1024
    """What the whole sidecar allows itself: attached, nobody else limits it, and the model would pay."""
    public_keys: tuple[bytes, ...] = ()
    """Ed25519 keys that sign configurations, more than one while one is replaced; none: none is taken."""
    pod_uid: str = ""
    pod_name: str = ""
    pod_namespace: str = ""
    container: str = ""
    """The sidecar's own, where it was told."""
    pod_ip: str = ""
    host_ip: str = ""
    configuration: bytes = b""
    """The first configuration document, JSON as written."""

    @property
    def in_pod(self) -> bool:
        """Whether the webhook or the operator started us, and not a person."""
        return bool(self.pod_ip)

    @property
    def can_hand_over(self) -> bool:
        """Whether a successor can take over: nobody could answer while a listening relay changes hands."""
        return self.in_pod and not self.host_network and self.mode is not Mode.LISTEN

    @property
    def host_network(self) -> bool:
        """Whether the pod has the node's network, where a rule of ours would be everybody's."""
        return bool(self.pod_ip) and self.pod_ip == self.host_ip


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Settings from the variables of a process.

    Raises:
        InvalidSettingsError: naming every variable, value, limit and way out at once.
    """
    read = _Reader(environment)
    mode = read.mode("MODE")
    default = Settings(mode=mode, target_port=0)
    settings = Settings(
        mode=mode,
        target_port=read.port("TARGET_PORT", lowest=1),
        target_host=read.text("TARGET_HOST", default.target_host),
        listen_host=read.text("LISTEN_HOST", "::" if read.text("POD_IP") else default.listen_host),
        listen_port=read.port("LISTEN_PORT", lowest=1) if mode is Mode.LISTEN else 0,
        relay_port=read.port("RELAY_PORT", default.relay_port, lowest=_LOWEST_OWN_PORT),
        api_host=read.text("API_HOST", "::" if ":" in read.text("POD_IP") else default.api_host),
        api_port=read.port("API_PORT", default.api_port, lowest=_LOWEST_OWN_PORT),
        resource_interval_seconds=read.seconds(
            "RESOURCE_INTERVAL", default.resource_interval_seconds, lowest=0.1, highest=60.0
        ),
        max_added_latency_seconds=read.seconds(
            "MAX_ADDED_LATENCY", default.max_added_latency_seconds, lowest=0.0005, highest=10.0
        ),
        stop_grace_seconds=read.seconds("STOP_GRACE", default.stop_grace_seconds, lowest=0.0, highest=3600.0),
        model_pid=read.pid("MODEL_PID"),
        model_process=read.text("MODEL_PROCESS"),
        metrics_url=read.url("METRICS_URL"),
        model_memory_limit_bytes=read.amount("MEMORY_LIMIT_BYTES", int, lowest=1),
        model_cpu_limit_cores=read.amount("CPU_LIMIT_CORES", float, lowest=0.001),
        gpus_requested=read.amount("GPUS", int, lowest=1),
        dcgm_exporter=read.url("DCGM_EXPORTER"),
        memory_cap_bytes=read.amount("MEMORY_CAP_BYTES", int, lowest=LOWEST_MEMORY_CAP_BYTES)
        or default.memory_cap_bytes,
        public_keys=read.keys("PUBLIC_KEY"),
        pod_uid=read.text("POD_UID"),
        pod_name=read.text("POD_NAME"),
        pod_namespace=read.text("POD_NAMESPACE"),
        container=read.text("CONTAINER"),
        pod_ip=read.text("POD_IP"),
        host_ip=read.text("HOST_IP"),
        configuration=read.document("CONFIGURATION"),
    )
    problems = (*read.problems, *_port_collisions(settings))
    if problems:
        raise InvalidSettingsError(problems)
    return settings


def _port_collisions(settings: Settings) -> tuple[str, ...]:
    """Two of our ports that are one: the second to bind it would never start."""
    ports = [("API_PORT", settings.api_port), ("TARGET_PORT", settings.target_port)]
    if settings.mode is Mode.TRANSPARENT:
        ports.append(("RELAY_PORT", settings.relay_port))
    if settings.mode is Mode.LISTEN:
        ports.append(("LISTEN_PORT", settings.listen_port))
    return tuple(
        f"{PREFIX}{one} and {PREFIX}{other} are both {port}: give one of them another port"
        for (one, port), (other, same) in itertools.combinations(ports, 2)
        if port == same and port and {one, other} != {"LISTEN_PORT", "TARGET_PORT"}
    )


class _Reader:
    """Reads one variable at a time; a problem is kept and a default stands in for the value."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        value = self._environment.get(PREFIX + name, "").strip()
        return default if not value or value.startswith(_SERVICE_LINKS) else value

    def mode(self, name: str) -> Mode:
        value = self.text(name)
        if value not in tuple(Mode):
            self._problem(name, value, f"must be one of {', '.join(Mode)}")
            return Mode.OFF
        return Mode(value)

    def port(self, name: str, default: int = 0, *, lowest: int) -> int:
        value = self.text(name, str(default) if default else "")
        port = int(value) if value.isascii() and value.isdecimal() else 0
        if not lowest <= port <= HIGHEST_PORT:
            self._problem(name, value, f"must be a port from {lowest} to {HIGHEST_PORT}")
        elif lowest == _LOWEST_OWN_PORT and port in MESH_PORTS:
            first, last = MESH_PORTS[0], MESH_PORTS[-1]
            self._problem(name, value, f"{first} to {last} belong to service meshes; take another port")
        return port

    def seconds(self, name: str, default: float, *, lowest: float, highest: float) -> float:
        value = self.text(name)
        if not value:
            return default
        seconds = _duration_seconds(value)
        if seconds is None or not lowest <= seconds <= highest:
            self._problem(
                name, value, f"must be a duration such as 15s or 5ms, from {lowest:g}s to {highest:g}s"
            )
            return default
        return seconds

    def pid(self, name: str) -> int | None:
        value = self.text(name)
        if not value:
            return None
        if not (value.isascii() and value.isdecimal() and int(value) > 0):
            self._problem(
                name, value, "must be a process id above 0; leave it out to find the model by its port"
            )
            return None
        return int(value)

    def url(self, name: str) -> str:
        value = self.text(name)
        if value and not value.startswith(("http://", "https://")):
            self._problem(name, value, "must begin with http:// or https://")
        return value

    def amount(self, name: str, kind: type[_Number], *, lowest: _Number) -> _Number | None:
        value = self.text(name)
        if not value:
            return None
        amount = kind(value) if _AMOUNT.fullmatch(value) and (kind is float or "." not in value) else None
        if amount is None or amount < lowest:
            self._problem(
                name, value, f"must be a plain number of at least {lowest:g}; leave it out for none"
            )
            return None
        return amount

    def keys(self, name: str) -> tuple[bytes, ...]:
        values = [value.strip() for value in self.text(name).split(",") if value.strip()]
        keys = tuple(_decoded(value) for value in values)
        for value, key in zip(values, keys, strict=True):
            if len(key) != PUBLIC_KEY_BYTES:
                wanted = f"must be {PUBLIC_KEY_BYTES} bytes of an Ed25519 public key in base64"
                self._problem(name, value, f"{wanted}, or several with commas between them")
        return keys

    def document(self, name: str) -> bytes:
        value = self.text(name).encode()
        if len(value) > CONFIGURATION_BYTES_LIMIT:
            wanted = f"{len(value)} bytes; the limit is {CONFIGURATION_BYTES_LIMIT}: push it instead"
            self._problem(name, value[:32].decode(errors="replace") + "…", wanted)
        return value

    def _problem(self, name: str, value: str, wanted: str) -> None:
        found = f"is {value!r}" if value else "is not set"
        self.problems.append(f"{PREFIX}{name} {found}: {wanted}")


def _decoded(text: str) -> bytes:
    """The bytes of base64; empty when it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


def _duration_seconds(text: str) -> float | None:
    """A Kubernetes duration (`1m30s`, `5ms`) in seconds; None when it is none."""
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
