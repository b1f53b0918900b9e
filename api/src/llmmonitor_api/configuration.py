"""What a sidecar needs of an LLMMonitor: the document that the operator (or the CLI) signs and pushes.

Normalised already (seconds and fractions, not "800ms" and "99%"), so that the sidecar needs no pydantic.
Unknown fields are ignored: an older sidecar takes what it knows from a newer operator.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Any

import msgspec

from llmmonitor_api.probe_plan import ProbePlan
from llmmonitor_api.report.totals import objective_key

SEALED_LIMIT = 256
"""Bytes of what is sealed to a sidecar."""
PUBLIC_KEYS_LIMIT = 4
"""Two are trusted while one replaces the other."""


_FIRST_SIGNALS = frozenset(
    {
        *("TimeToFirstToken", "TimePerOutputToken", "RequestDuration", "ErrorRate", "TruncationRate"),
        *("AbortRate", "QueueDepth", "KVCacheUse", "Availability", "Throughput"),
    }
)
"""What every sidecar counts, of all requests."""


def is_further(signal: str, *, filtered: bool) -> bool:
    """Whether an objective is for `Configuration.further_objectives`."""
    return filtered or signal not in _FIRST_SIGNALS


class ObjectiveSetting(msgspec.Struct, frozen=True):
    """One objective as the sidecar counts it."""

    name: str
    signal: str
    """A signal of `spec.performance.objectives[].signal`."""
    threshold: float | None = None
    """Seconds, a ratio or a count, as the signal's unit says; None where the signal has none."""
    threshold_text: str = ""
    """The same as the owner wrote it: part of the counts' identity."""
    models: tuple[str, ...] = ()
    """Only requests for these models count, `*` standing for any text; empty: all. Sorted."""
    operations: tuple[str, ...] = ()
    """Only these operations count (`gen_ai.operation.name`); empty: all that generate. Sorted."""

    @property
    def further(self) -> bool:
        """Whether a sidecar of before would count it wrongly, or for ever nothing."""
        return is_further(self.signal, filtered=bool(self.models or self.operations))

    @property
    def key(self) -> str:
        """Under which its counts stand in reports."""
        return objective_key(self.name, self.signal, self.threshold_text, self.models, self.operations)


class ClientSetting(msgspec.Struct, frozen=True):
    """How clients are told apart, while versions are compared or cases are kept for people."""

    header: str
    """The request header whose value tells them apart."""
    key_id: str
    """Of the key of the day."""
    sealed_key: Annotated[bytes, msgspec.Meta(max_length=SEALED_LIMIT)]
    """The key itself, sealed to this sidecar (`signing.sealed`)."""


class VocabularySetting(msgspec.Struct, frozen=True):
    """How words are put into buckets."""

    key_id: str
    """Of the monitor's key."""
    sealed_key: Annotated[bytes, msgspec.Meta(max_length=SEALED_LIMIT)]
    """The key itself, sealed to this sidecar (`signing.sealed`)."""


class PatternSetting(msgspec.Struct, frozen=True):
    """An own pattern of the owner's."""

    name: str
    pattern: str
    input: bool = True
    output: bool = True


class InteractionsSetting(msgspec.Struct, frozen=True):
    """What the sidecar looks for beyond its own detectors, and over which time it counts clients."""

    window_seconds: float = 3600.0
    patterns: tuple[PatternSetting, ...] = ()


class OutcomesSetting(msgspec.Struct, frozen=True):
    """That outcomes of live traffic are counted, and who may give feedback."""

    token: bool = False
    """Whether feedback is taken from those alone who bear the owner's token."""


class ReviewSetting(msgspec.Struct, frozen=True):
    """How many redacted cases are kept for people to judge, and for how long."""

    max_cases: Annotated[int, msgspec.Meta(ge=0, le=1000)]
    max_age_seconds: Annotated[float, msgspec.Meta(ge=0, le=31 * 86_400)]


class RequestChecksSetting(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a valid request is: `spec.requests`."""

    languages: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    json_schema: dict[str, Any] | None = None
    invalid_schemas: bool = False
    context_overflow: bool = False
    unknown_parameters: bool = False

    @property
    def digest(self) -> str:
        """Counts made by another setting are other counts."""
        return blake2b(msgspec.json.encode(self, order="deterministic"), digest_size=6).hexdigest()


class Configuration(msgspec.Struct, frozen=True):
    """All that can be changed in a running sidecar."""

    generation: int = 0
    objectives: tuple[ObjectiveSetting, ...] = ()
    further_objectives: tuple[ObjectiveSetting, ...] = ()
    """Those that are of some requests alone, or of a signal that came later. A sidecar that knows no `models`
    and `operations` would count all requests for them, and report of a signal that it does not know that
    nothing happened: it does not know this field either, and reports nothing."""
    interactions: InteractionsSetting = InteractionsSetting()
    drift_features: tuple[str, ...] = ()
    """What drift is judged by: no other feature is looked for in texts. Empty: all."""
    resource_interval_seconds: float = 1.0
    max_added_latency_seconds: float = 0.005
    stop: bool = False
    """Remove the rule and idle: the monitor is gone."""
    hand_over: bool = False
    """To an attached sidecar: let the successor that waits in this pod take over. Remove the rule, finish
    what is in flight, end. While no successor waits nothing happens."""
    drain_idle_seconds: float = 0.0
    """Close connections that bypass the rule once nothing moved on them for so long; 0: leave them alone."""
    clients: ClientSetting | None = None
    """None: clients are not looked at."""
    vocabulary: VocabularySetting | None = None
    """None: by the key it has, if it has one."""
    public_keys: tuple[bytes, ...] = ()
    """Ed25519, raw, at most `PUBLIC_KEYS_LIMIT`: whom to believe from now on, in place of all before. Empty:
    whom it believes already. A container that starts anew believes the keys of its environment again."""
    probes: ProbePlan | None = None
    """What to ask the model; None: nothing."""
    outcomes: OutcomesSetting | None = None
    """None: outcomes are not counted, and no feedback is taken."""
    review: ReviewSetting | None = None
    """None: no case is kept, and those that were are erased."""
    requests: RequestChecksSetting | None = None
    """What to check requests for; None: nothing."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of the proxies whose `X-Forwarded-For` is believed."""

    @property
    def counted(self) -> tuple[ObjectiveSetting, ...]:
        """Every objective."""
        return (*self.objectives, *self.further_objectives)
