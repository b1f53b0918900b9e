"""What the operator's two processes are told at their start, from the environment (`LLM_MONITOR_OPERATOR_*`).

The chart writes these variables; each process reads them once, and every error is said at once. What concerns
one monitor stands in its LLMMonitor, not here.

A Service named `llm-monitor-operator` makes the kubelet set `LLM_MONITOR_OPERATOR_PORT=tcp://10.0.0.1:8080`
in every pod of its namespace: such values are service links, not settings, and are passed over.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from llmmonitor_api.quantities import parse_duration, parse_quantity
from llmmonitor_api.spec.target import LabelSelector
from llmmonitor_operator import shards
from llmmonitor_operator.inject.plan import SidecarImage
from llmmonitor_operator.shards import SHARDS_LIMIT, WHOLE, Shard

PREFIX = "LLM_MONITOR_OPERATOR_"

LONGEST_REST_SECONDS = 240.0
"""With the look that ends it, less than the finest histograms take (`accumulate.Happened.has_place`)."""
_HIGHEST_PORT = 65535
_LABEL_LENGTH_LIMIT = 63
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
"""A namespace's name, RFC 1123."""
_URL_LENGTH_LIMIT = 1024
_SERVICE_LINKS = ("tcp://", "udp://", "sctp://")

Choice = TypeVar("Choice", bound=enum.StrEnum)


class InvalidProcessSettings(ValueError):
    """The environment cannot be used; `problems` has one sentence for each error."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Everything the webhook's process does not find in the cluster."""

    namespace: str
    """Of the release: where the verdicts, the operator's Lease and the webhook itself are."""
    name: str = "llm-monitor"
    """What the names of the release's objects begin with."""
    watch_namespaces: tuple[str, ...] = ()
    """Where monitors are looked for; empty: everywhere."""
    shards: int = 1
    """Into how many the operator is divided: each has verdicts and a Lease of its own."""
    port: int = 8080
    """Plain: `/healthz`, `/readyz`, `/metrics`."""
    tls_port: int = 8443
    """TLS: `/mutate`."""
    tls_dir: Path = Path("/etc/llm-monitor/tls")
    """Has `tls.crt` and `tls.key` as soon as the operator or cert-manager has made them."""


class PullPolicy(enum.StrEnum):
    """As Kubernetes has it."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class NvidiaDevices(enum.StrEnum):
    """Which GPUs of the node a sidecar in a pod with GPUs asks NVIDIA's runtime for."""

    NONE = "None"
    ALL = "All"


class Certificates(enum.StrEnum):
    """Who makes the webhook's certificates."""

    OPERATOR = "Operator"
    CERT_MANAGER = "CertManager"
    NONE = "None"
    """There is no webhook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """Everything the operator's process does not find in the cluster."""

    namespace: str
    """Of the release: Lease, verdicts, checkpoints, keys."""
    sidecar: SidecarImage
    """What is put into pods."""
    name: str = "llm-monitor"
    """What the names of the release's objects begin with."""
    pod_name: str = ""
    """Who holds the Lease."""
    watch_namespaces: tuple[str, ...] = ()
    """Where monitors are looked for; empty: everywhere."""
    shard: Shard = WHOLE
    """For which of these namespaces this operator acts."""
    certificates: Certificates = Certificates.OPERATOR
    webhook_namespaces: LabelSelector | None = None
    """Of the namespaces in which the webhook is asked; None: in all that are watched."""
    port: int = 8080
    """`/healthz`, `/readyz`, `/metrics`."""
    people_port: int = 0
    """Where the leader answers people (sealed); 0: it does not."""
    restart_timeout_seconds: float = 900.0
    """In which a pod that `existingPods: Restart` replaces has to be followed by one that is Ready."""
    rest_seconds: float = 0.0
    """How long calm monitors may wait to be judged; 0: each report is judged when it comes."""
    kubeconfig: str = ""
    """Outside a cluster, from kubectl's own variable; empty: the pod's ServiceAccount."""


def operator_settings(environment: Mapping[str, str]) -> OperatorSettings:
    """The operator's settings from the variables of a process.

    Raises:
        InvalidProcessSettings: naming every variable, value, limit and way out at once.
    """
    read = Reader(environment)
    default = OperatorSettings(namespace="", sidecar=SidecarImage(image=""))
    name = read.label("NAME", default.name)
    settings = OperatorSettings(
        namespace=read.label("NAMESPACE"),
        name=name,
        pod_name=read.required(
            "POD_NAME", "must be the pod's own name: two replicas of one name would both lead"
        ),
        sidecar=SidecarImage(
            image=read.required("SIDECAR_IMAGE", "must be the sidecar's image, NAME@sha256:... or NAME:TAG"),
            pull_policy=read.choice("SIDECAR_IMAGE_PULL_POLICY", PullPolicy.IF_NOT_PRESENT),
            cpu_request=read.quantity("SIDECAR_CPU_REQUEST", default.sidecar.cpu_request),
            memory_request=read.quantity("SIDECAR_MEMORY_REQUEST", default.sidecar.memory_request),
            memory_limit=read.quantity("SIDECAR_MEMORY_LIMIT", default.sidecar.memory_limit),
            guaranteed_cpu=read.quantity("SIDECAR_GUARANTEED_CPU", default.sidecar.guaranteed_cpu),
            nvidia_devices=read.choice("SIDECAR_NVIDIA_DEVICES", NvidiaDevices.NONE),
            dcgm_exporter=read.url("SIDECAR_DCGM_EXPORTER"),
        ),
        watch_namespaces=read.labels("WATCH_NAMESPACES"),
        shard=read.shard("SHARD", default.shard),
        certificates=read.choice("CERTIFICATES", default.certificates),
        webhook_namespaces=read.selector("WEBHOOK_NAMESPACE_SELECTOR"),
        port=read.port("PORT", default.port),
        people_port=read.port("PEOPLE_PORT", 0) if read.text("PEOPLE_PORT") else 0,
        restart_timeout_seconds=read.duration("RESTART_TIMEOUT", default.restart_timeout_seconds),
        rest_seconds=0.0 if read.text("REST") == "0s" else read.duration("REST", default.rest_seconds),
        kubeconfig=environment.get("KUBECONFIG", ""),
    )
    if settings.rest_seconds > LONGEST_REST_SECONDS:
        wanted = f"must be at most {LONGEST_REST_SECONDS:.0f}s: figures of a window must not come in later"
        read.problem("REST", read.text("REST"), wanted)
    if settings.people_port == settings.port:
        read.problem("PEOPLE_PORT", str(settings.people_port), f"must be another port than {PREFIX}PORT")
    sidecar = settings.sidecar
    if not read.problems and parse_quantity(sidecar.memory_request) > parse_quantity(sidecar.memory_limit):
        wanted = f"must be at most {PREFIX}SIDECAR_MEMORY_LIMIT, which is {sidecar.memory_limit}"
        read.problem("SIDECAR_MEMORY_REQUEST", sidecar.memory_request, wanted)
    read.finish()
    return settings


def webhook_settings(environment: Mapping[str, str]) -> WebhookSettings:
    """The webhook's settings from the variables of a process.

    Raises:
        InvalidProcessSettings: naming every variable, value, limit and way out at once.
    """
    read = Reader(environment)
    default = WebhookSettings(namespace="")
    settings = WebhookSettings(
        namespace=read.label("NAMESPACE"),
        name=read.label("NAME", default.name),
        watch_namespaces=read.labels("WATCH_NAMESPACES"),
        shards=read.count("SHARDS", default.shards, SHARDS_LIMIT),
        port=read.port("PORT", default.port),
        tls_port=read.port("TLS_PORT", default.tls_port),
        tls_dir=Path(read.text("TLS_DIR", str(default.tls_dir))),
    )
    if settings.port == settings.tls_port:
        read.problems.append(
            f"{PREFIX}PORT and {PREFIX}TLS_PORT are both {settings.port}: give one of them another port"
        )
    read.finish()
    return settings


class Reader:
    """Reads one variable at a time; a problem is kept and a default stands in for the value."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def finish(self) -> None:
        """Say everything that was wrong.

        Raises:
            InvalidProcessSettings: if anything was.
        """
        if self.problems:
            raise InvalidProcessSettings(self.problems)

    def text(self, name: str, default: str = "") -> str:
        """As it stands, without surrounding blanks."""
        value = self._environment.get(PREFIX + name, "").strip()
        return default if not value or value.startswith(_SERVICE_LINKS) else value

    def required(self, name: str, wanted: str) -> str:
        """Text that must be there; `wanted` says what it is and who sets it."""
        value = self.text(name)
        if not value:
            self.problem(name, value, wanted)
        return value

    def url(self, name: str) -> str:
        """An address for HTTP; empty where it is not set."""
        value = self.text(name)
        if value and not (value.startswith(("http://", "https://")) and len(value) <= _URL_LENGTH_LIMIT):
            self.problem(
                name, value, f"must begin with http:// or https://, at most {_URL_LENGTH_LIMIT} long"
            )
            return ""
        return value

    def label(self, name: str, default: str = "") -> str:
        """A name as namespaces and Deployments have it; required where there is no default."""
        value = self.text(name, default)
        if not _is_label(value):
            self.problem(name, value, "must be a name of lower-case letters, digits and '-', at most 63")
        return value

    def labels(self, name: str) -> tuple[str, ...]:
        """Such names with commas between; none where it is not set."""
        found = tuple(dict.fromkeys(part.strip() for part in self.text(name).split(",") if part.strip()))
        for value in found:
            if not _is_label(value):
                self.problem(name, value, "must be names of namespaces with commas between: prod,test")
        return found

    def port(self, name: str, default: int) -> int:
        """A port that an unprivileged process may bind, too."""
        value = self.text(name, str(default))
        port = int(value) if value.isascii() and value.isdecimal() else 0
        if not 1 <= port <= _HIGHEST_PORT:
            self.problem(name, value, f"must be a port from 1 to {_HIGHEST_PORT}")
            return default
        return port

    def count(self, name: str, default: int, limit: int) -> int:
        """A number from 1 to `limit`."""
        value = self.text(name, str(default))
        number = int(value) if value.isascii() and value.isdecimal() else 0
        if not 1 <= number <= limit:
            self.problem(name, value, f"must be a number from 1 to {limit}")
            return default
        return number

    def shard(self, name: str, default: Shard) -> Shard:
        """Such as `0/2`."""
        value = self.text(name, str(default))
        found = shards.read(value)
        if found is None:
            wanted = f"must be I/N, shard I of N counted from 0, N at most {SHARDS_LIMIT}: 0/2 and 1/2"
            self.problem(name, value, wanted)
            return default
        return found

    def selector(self, name: str) -> LabelSelector | None:
        """A LabelSelector as JSON; None where it is not set."""
        value = self.text(name)
        try:
            return LabelSelector.model_validate_json(value) if value else None
        except ValueError as error:
            self.problem(name, value, f"must be a LabelSelector as JSON, not empty: {error}")
            return None

    def choice(self, name: str, default: Choice) -> Choice:
        """One of an enum's values."""
        value, allowed = self.text(name, default), type(default)
        if value not in tuple(allowed):
            self.problem(name, value, f"must be one of {', '.join(allowed)}")
            return default
        return allowed(value)

    def quantity(self, name: str, default: str) -> str:
        """A quantity of Kubernetes above zero."""
        value = self.text(name, default)
        try:
            good = parse_quantity(value) > 0
        except ValueError:
            good = False
        if not good:
            self.problem(name, value, "must be a quantity above zero, such as 50m or 256Mi")
        return value

    def duration(self, name: str, default_seconds: float) -> float:
        """A duration of Kubernetes above zero, in seconds."""
        value = self.text(name)
        if not value:
            return default_seconds
        try:
            seconds = parse_duration(value).total_seconds()
        except ValueError:
            seconds = 0.0
        if seconds <= 0:
            self.problem(name, value, "must be a duration above zero, such as 90s, 15m or 1h")
            return default_seconds
        return seconds

    def problem(self, name: str, value: str, wanted: str) -> None:
        """Keep a sentence about one variable."""
        found = f"is {value!r}" if value else "is not set"
        self.problems.append(f"{PREFIX}{name} {found}: {wanted}")


def _is_label(value: str) -> bool:
    return len(value) <= _LABEL_LENGTH_LIMIT and _LABEL.fullmatch(value) is not None
