"""One sidecar's report: who speaks, what adds (`totals`), and what is so right now (the gauges).

Served at `/v1/report` as JSON. Idempotent: pulling it twice adds nothing, because readers add differences of
`totals` within one boot (`identity.boot_id`, `identity.sequence`).
"""

from __future__ import annotations

from typing import Annotated, Protocol, TypeVar

import msgspec

from llmmonitor_api.configuration import PUBLIC_KEYS_LIMIT
from llmmonitor_api.report import histogram
from llmmonitor_api.report.clients import Clients
from llmmonitor_api.report.gpus import GPUs
from llmmonitor_api.report.interactions import InteractionsState
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.review import ReviewState
from llmmonitor_api.report.totals import Totals
from llmmonitor_api.report.values import Count, Figure, Moment, Name, Rate, Seconds, Share, Text

VERSION = 1
"""Readers understand this one and the one before; a newer one is said, not guessed."""
BYTES_LIMIT = 3 * 1024 * 1024
"""What a reader accepts of one report; a test holds the largest report under it."""


class UnreadableReport(ValueError):
    """A report that cannot be used; the message says why and what to do."""


class Identity(msgspec.Struct, frozen=True):
    """Which sidecar, which life of it, which report."""

    pod_uid: Name
    pod_name: Name
    boot_id: Name
    """New with every start of the analyser: counters begin at zero."""
    started_at: Moment
    """Unix seconds."""
    sequence: Count
    """Grows by one with every report made."""
    sidecar_version: Name
    configuration_generation: Count
    """Generation of the configuration in force; 0 before any."""
    trusted_keys: Annotated[tuple[Name, ...], msgspec.Meta(max_length=PUBLIC_KEYS_LIMIT)] = ()
    """`signing.key_id` of every key it believes; empty: it is of a version that does not say."""
    container: Name = ""
    """Its container's name where it was told: in a pod with two, the one that is at work."""
    can_hand_over: bool = False
    """Whether it understands `Configuration.hand_over`."""
    follows_links: bool = False
    """Whether one signature may be good for some requests (`signing.links`)."""


class Saturation(msgspec.Struct, frozen=True):
    """The engine's queue and cache over the last samples, one per resource interval."""

    samples: Count
    span_seconds: Seconds
    waiting: Count
    """Requests in the queue at the last of them."""
    waiting_least: Count
    """At any of them."""
    waiting_per_minute: Figure
    """How fast the queue grows, with the ends of its 95 % interval, which allows for autocorrelation."""
    waiting_per_minute_low: Figure
    waiting_per_minute_high: Figure
    running_most: Count | None = None
    """Requests worked on at once, at most."""
    preemptions: Count | None = None
    """Within the span."""


class Live(msgspec.Struct, frozen=True):
    """What is going on at this moment."""

    in_flight: Count = 0
    """Requests that the model has completely and has not answered completely."""
    oldest_in_flight_seconds: Seconds = 0.0
    seconds_without_progress: float | None = None
    """With requests in flight: time since the model last gave any sign of work on one. None without."""
    last_request_age_seconds: Seconds | None = None
    saturation: Saturation | None = None
    """None where the engine does not say, or not for long enough."""


class InterceptionState(msgspec.Struct, frozen=True):
    """How traffic is read at this moment."""

    mode: Name
    """`transparent`, `listen` or `off`."""
    reading: bool
    """Whether new connections are being read."""
    reason: Name = ""
    """A reason of the condition `Intercepting` when not reading; empty when reading."""
    message: Text = ""
    model_listening: bool = False
    relay_alive: bool = False
    read_connections: Count = 0
    """Established connections to the model that pass through the relay."""
    bypassing_connections: Count = 0
    """Established connections to the model that do not."""
    cannot_drain: Text = ""
    """Why bypassing connections are not closed though that is wanted, in words; empty when they are."""
    added_latency_p99_seconds: Seconds | None = None
    """What `interception.maxAddedLatency` limits: the larger of the relay's loop lag and its wait for a CPU,
    over the last 5 s."""


class MemoryTrend(msgspec.Struct, frozen=True):
    """How `memory_held_bytes` changed over the last samples."""

    bytes_per_second: Rate
    low: Rate
    """Ends of the 95 % interval, which allows for autocorrelation."""
    high: Rate
    samples: Count
    """Differences between two samples in a row."""
    span_seconds: Seconds
    highest_before_bytes: Count | None = None
    """The most in the samples before these, as far as remembered; None without any."""


class Pressure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Stalls for want of one resource: of some processes, or of all that had work at once."""

    of: Name
    """`model`, or `node` where the model's cgroup does not tell."""
    some_10s: Share = 0.0
    """Share of the last 10 s, as the kernel weighs them."""
    some_60s: Share = 0.0
    full_10s: Share = 0.0
    full_60s: Share = 0.0
    some_seconds: Seconds = 0.0
    """In all."""
    full_seconds: Seconds = 0.0


class Network(msgspec.Struct, frozen=True):
    """Of the pod's interfaces, its loopback left out, since it began."""

    received_bytes: Count
    sent_bytes: Count
    dropped_packets: Count = 0
    errors: Count = 0


class Disk(msgspec.Struct, frozen=True):
    """Of the model's cgroup, since it began."""

    read_bytes: Count
    written_bytes: Count


class Resources(msgspec.Struct, frozen=True):
    """The model's process tree and its cgroup, as sampled last."""

    processes_visible: bool
    reason: Text = ""
    """Why they are not visible, in words."""
    sampled_age_seconds: Seconds = 0.0
    processes: Count = 0
    threads: Count = 0
    open_files: Count | None = None
    """None where descriptors of other users' processes cannot be seen."""
    cpu_seconds: Seconds = 0.0
    """User and system time of the tree since its start."""
    cpu_cores_used: float | None = None
    """Over the last minute or since the first sample."""
    cpu_limit_cores: float | None = None
    cpu_throttled_share: Share | None = None
    """Share of CFS periods throttled over the last minute."""
    cpu_at_limit_share: Share | None = None
    """Where periods cannot be read: share of the last minute, or of what is known of it, in which it used all
    that its limit gives while its threads waited for a CPU."""
    rss_bytes: Count = 0
    memory_used_bytes: Count | None = None
    """What the limit applies to: the cgroup's working set; where that cannot be read, what the processes have
    for themselves and the most that one of them shares."""
    memory_limit_bytes: Count | None = None
    memory_held_bytes: Count | None = None
    """What of it the kernel cannot take back: without the pages of files."""
    memory_trends: Annotated[tuple[MemoryTrend, ...], msgspec.Meta(max_length=4)] = ()
    """Over several spans, the shortest first."""
    oom_kills: Count | None = None
    pressure: Annotated[dict[Name, Pressure], msgspec.Meta(max_length=8)] = {}
    """By resource: `cpu`, `memory`, `io`."""
    network: Network | None = None
    disk: Disk | None = None
    sidecar_rss_bytes: Count = 0
    sidecar_cpu_seconds: Seconds = 0.0
    weight_files: Name = ""
    """How many files the model's weights are served from, how large they are, and a digest of a sample of
    what is in them; empty where they cannot be seen."""


class Engine(msgspec.Struct, frozen=True):
    """The engine's own account of itself, normalised; None where it does not say."""

    name: Name
    version: Text | None = None
    model: Text | None = None
    detected_by: Text = ""
    scraped_age_seconds: Seconds | None = None
    error: Text = ""
    """Why the last scrape failed, in words; the figures are then those of the last good one."""
    missing: Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)] = ()
    """Metrics that this engine is known to have and did not give."""
    running: Count | None = None
    waiting: Count | None = None
    kv_cache_use: Share | None = None
    """0 to 1."""
    preemptions: Count | None = None
    prefix_cache_hit_rate: Share | None = None
    prompt_tokens: Count | None = None
    generation_tokens: Count | None = None
    finished_requests: Annotated[dict[Name, Count], msgspec.Meta(max_length=64)] | None = None
    context_tokens: Count | None = None
    """The longest prompt and answer together that it takes."""
    weights: Text = ""
    """What it says by which the model's weights are told from others under the same name: where they are
    from, their number, type and size; empty where it says nothing."""


class Report(msgspec.Struct, frozen=True):
    """Everything one sidecar says."""

    identity: Identity
    at: Moment
    """Unix seconds when it was made."""
    uptime_seconds: Seconds
    """Monotonic, since `identity.started_at`."""
    totals: Totals
    live: Live
    interception: InterceptionState
    resources: Resources | None = None
    engine: Engine | None = None
    gpus: GPUs | None = None
    """None: not asked yet, or the sidecar is of a version that does not sample them."""
    clients: Clients | None = None
    """None: the sidecar is of a version that tells no clients apart."""
    system_fingerprint: Name = ""
    """What answers say of the system behind them (`system_fingerprint`); empty where none has said it."""
    interactions: InteractionsState | None = None
    """None: the sidecar looks at no text, or is of a version that does not."""
    vocabulary_key: Name | None = None
    """Which key its words are put into buckets by; empty: none is known. None: the sidecar is of a version
    that counts no words."""
    probing: Probing | None = None
    """None: the sidecar is of a version that sends no probes."""
    review: ReviewState | None = None
    """None: no cases are kept for review."""
    since: Count | None = None
    """Sequence of the report of this boot that `totals` are counted from, for who asked for that (`told`);
    None: from the boot's start."""
    version: int = VERSION
    histogram_layout: int = histogram.LAYOUT


class Versioned(Protocol):
    """What says by which version of this format it was made."""

    @property
    def version(self) -> int:
        """Of this format."""

    @property
    def histogram_layout(self) -> int:
        """Of the buckets of `histogram`."""


S = TypeVar("S", bound=Versioned)
_DECODER = msgspec.json.Decoder(Report)


class _Header(msgspec.Struct):
    version: int
    histogram_layout: int


def encode(report: Report) -> bytes:
    """As JSON."""
    return msgspec.json.encode(report)


def decode(data: bytes) -> Report:
    """A report from JSON.

    Raises:
        UnreadableReport: if it is too large, of another version or layout, or not a report.
    """
    return read(data, _DECODER)


def read(data: bytes, decoder: msgspec.json.Decoder[S]) -> S:
    """What `decoder` takes of a report.

    Raises:
        UnreadableReport: as `decode`, of what is taken.
    """
    if len(data) > BYTES_LIMIT:
        raise UnreadableReport(f"a report of {len(data)} bytes; the limit is {BYTES_LIMIT}")
    try:
        report = decoder.decode(data)
    except (ValueError, RecursionError) as error:  # bytes that are no text are no error of msgspec's
        _check_version(data)  # what another version says may be no report to this one
        raise UnreadableReport(f"not a report: {error}") from error
    if (report.version, report.histogram_layout) != (VERSION, histogram.LAYOUT):
        raise _of_another(report.version, report.histogram_layout)
    return report


def _check_version(data: bytes) -> None:
    try:
        header = msgspec.json.decode(data, type=_Header)
    except (ValueError, RecursionError):
        return
    if (header.version, header.histogram_layout) != (VERSION, histogram.LAYOUT):
        raise _of_another(header.version, header.histogram_layout)


def _of_another(version: int, layout: int) -> UnreadableReport:
    return UnreadableReport(
        f"report version {version} (layout {layout}); this reader knows {VERSION} (layout"
        f" {histogram.LAYOUT}): upgrade the older side"
    )
