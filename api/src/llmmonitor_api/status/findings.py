"""What was found in what is said: drift, interactions, quality, and what reviewers make of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from llmmonitor_api.spec.drift import DriftFeature
from llmmonitor_api.spec.listmap import by_name
from llmmonitor_api.spec.names import ItemName
from llmmonitor_api.status.model import Count, Estimate, Label, Number, Ratio, Sentence, StatusModel


class DriftVerdict(StrEnum):
    """What a drift score means."""

    NO_DRIFT = "NoDrift"
    DRIFT = "Drift"
    PROVISIONAL = "Provisional"


class DriftStatus(StatusModel):
    """One feature's latest judged window against its baseline."""

    feature: DriftFeature
    """The feature."""
    verdict: DriftVerdict
    """Provisional while the baseline is being learnt."""
    score: Number
    """The population stability index."""
    threshold: Number | None = None
    """The score at which it alarms twice in a row."""
    overdispersion: Number | None = None
    """How much more the score varies than independent requests would make it."""
    window_requests: Count = 0
    """Requests in the judged window."""
    baseline_requests: Count = 0
    """Requests in the baseline."""


class InteractionStatus(StatusModel):
    """One kind of problematic interaction within the window."""

    kind: Label
    """The kind, as spec.interactions names it, or the name of an own pattern."""
    findings: Count = 0
    """Exchanges flagged."""
    complied: Count | None = None
    """Attempts that the model went along with, where that can be told."""
    clients: Count | None = None
    """Clients they came from; fewer than ten are shown as absent."""
    flagged_rate: Estimate | None = None
    """Flagged exchanges as a share; a flag is not yet an attack."""
    limit: Label | None = None
    """The limits of the spec, as written."""
    sampled_share: Ratio | None = None
    """The share of exchanges that was looked at."""
    holds: bool | None = None
    """The verdict; absent without limits."""


class ProbeStatus(StatusModel):
    """One probe's latest round."""

    name: ItemName
    """The probe's name."""
    passed: Count = 0
    """Repeats that met the expectation."""
    failed: Count = 0
    """Repeats that did not."""
    message: Sentence = ""
    """What was broken, without the answer's content."""


class SuiteStatus(StatusModel):
    """One built-in suite's latest round."""

    name: ItemName
    """The suite's name."""
    passed: Estimate | None = None
    """The share of its items that pass, of those that were answered."""
    items: Count = 0
    """Items asked."""


class BiasStatus(StatusModel):
    """One attribute of a bias suite, over all rounds of this version."""

    attribute: Label
    """The attribute that must not matter."""
    pairs: Count = 0
    """Pair templates judged."""
    difference: Estimate | None = None
    """The share of pairs whose answers changed with it alone, less those that changed with other words alone;
    the upper bound holds at any moment."""
    found: bool | None = None
    """The verdict; absent while there are not enough pairs."""


class CanariesStatus(StatusModel):
    """Fixed prompts by which other weights behind the same name are told."""

    asked: datetime | None = None
    """When the latest round ended."""
    rounds: Count = 0
    """Rounds that were of the model that runs now."""
    distance: Number | None = None
    """Of the latest round of the pod that is furthest from its model's first one, 0 to 1."""
    limit: Number | None = None
    """What is further in two rounds in a row is another model."""


class QualityStatus(StatusModel):
    """Probes, suites and outcomes."""

    last_round: datetime | None = None
    """When the latest round ended."""
    next_round: datetime | None = None
    """When the next one is due."""
    probes: Annotated[tuple[ProbeStatus, ...], Field(max_length=50), by_name("name")] = ()
    """Each probe's latest round."""
    suites: Annotated[tuple[SuiteStatus, ...], Field(max_length=20), by_name("name")] = ()
    """Each suite's latest round."""
    bias: Annotated[tuple[BiasStatus, ...], Field(max_length=20), by_name("attribute")] = ()
    """Each attribute of the bias suites."""
    judge_agreement: Estimate | None = None
    """The judge's agreement with people: balanced accuracy on the labelled answers of the latest round."""
    canaries: CanariesStatus | None = None
    """Fixed prompts that tell a change of the weights."""
    positive_feedback: Estimate | None = None
    """Positive feedback as a share of all given."""
    rated: Estimate | None = None
    """Answers that feedback was given of, as a share of those that it could be given of."""
    regenerated: Estimate | None = None
    """Requests that ask the same again after an answer."""
    rephrased: Estimate | None = None
    """Requests that ask nearly the same, of those that go on after an answer."""
    stopped: Estimate | None = None
    """Streamed answers that their client stopped after they had begun."""
    compared: Estimate | None = None
    """Requests of which it could be told whether they ask again, as a share of all."""


class DetectorReview(StatusModel):
    """What reviewers made of one detector."""

    detector: Label
    """The detector's name."""
    verdicts: Count = 0
    """Cases judged."""
    precision: Estimate | None = None
    """Cases judged right, weighted by how they were sampled."""
    suspended: bool = False
    """Whether its limit is not judged for that."""


class AuditStatus(StatusModel):
    """The chain of records of who did what, as `llm-monitor audit` verifies it."""

    records: Count = 0
    """How many there are."""
    head: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", max_length=64)] | None = None
    """The digest of the last one: who notes it can tell later whether anything before was changed."""
    namespace: Label = ""
    """Where its ConfigMaps are."""


class ReviewersStatus(StatusModel):
    """The review queue and what came of it."""

    operator: Label | None = None
    """NAMESPACE/SERVICE:PORT where the operator answers `llm-monitor review` and `erase`."""
    key: Label | None = None
    """What they seal their requests to (X25519, base64)."""
    waiting: Count = 0
    """Cases that wait for a verdict."""
    people: Count = 0
    """People who gave verdicts."""
    detectors: Annotated[tuple[DetectorReview, ...], Field(max_length=20), by_name("detector")] = ()
    """Each detector's precision."""
