"""One sidecar's report: who speaks, what adds (`totals`), and what is so right now (the gauges).

Served at `/v1/report` as JSON. Idempotent: pulling it twice adds nothing, because readers add differences of
`totals` within one boot (`identity.boot_id`, `identity.sequence`).
"""

from __future__ import annotations

import msgspec

from llmmonitor_api.report import histogram
from llmmonitor_api.report.totals import Totals

VERSION = 1
"""Readers understand this one and the one before; a newer one is said, not guessed."""
BYTES_LIMIT = 2 * 1024 * 1024
"""What a reader accepts of one report; a test holds the largest report under it."""


class UnreadableReport(ValueError):
    """A report that cannot be used; the message says why and what to do."""


class Identity(msgspec.Struct, frozen=True):
    """Which sidecar, which life of it, which report."""

    pod_uid: str
    pod_name: str
    boot_id: str
    """New with every start of the analyser: counters begin at zero."""
    started_at: float
    """Unix seconds."""
    sequence: int
    """Grows by one with every report made."""
    sidecar_version: str
    configuration_generation: int
    """Generation of the configuration in force; 0 before any."""


class Live(msgspec.Struct, frozen=True):
    """What is going on at this moment."""

    in_flight: int = 0
    """Requests that the model has completely and has not answered completely."""
    oldest_in_flight_seconds: float = 0.0
    seconds_without_progress: float | None = None
    """With requests in flight: time since the model last gave any sign of work on one. None without."""
    last_request_age_seconds: float | None = None


class InterceptionState(msgspec.Struct, frozen=True):
    """How traffic is read at this moment."""

    mode: str
    """`transparent`, `listen` or `off`."""
    reading: bool
    """Whether new connections are being read."""
    reason: str = ""
    """A reason of the condition `Intercepting` when not reading; empty when reading."""
    message: str = ""
    model_listening: bool = False
    relay_alive: bool = False
    read_connections: int = 0
    """Established connections to the model that pass through the relay."""
    bypassing_connections: int = 0
    """Established connections to the model that do not."""
    added_latency_p99_seconds: float | None = None
    """The relay's own delay: loop lag over the last 5 s."""


class Resources(msgspec.Struct, frozen=True):
    """The model's process tree and its cgroup, as sampled last."""

    processes_visible: bool
    reason: str = ""
    """Why they are not visible, in words."""
    sampled_age_seconds: float = 0.0
    processes: int = 0
    threads: int = 0
    open_files: int = 0
    cpu_seconds: float = 0.0
    """User and system time of the tree since its start."""
    cpu_cores_used: float | None = None
    """Over the last minute or since the first sample."""
    cpu_limit_cores: float | None = None
    cpu_throttled_share: float | None = None
    """Share of CFS periods throttled over the last minute."""
    rss_bytes: int = 0
    memory_used_bytes: int | None = None
    """What the limit applies to: the cgroup's working set; without a cgroup limit the tree's RSS."""
    memory_limit_bytes: int | None = None
    oom_kills: int | None = None
    sidecar_rss_bytes: int = 0
    sidecar_cpu_seconds: float = 0.0


class Engine(msgspec.Struct, frozen=True):
    """The engine's own account of itself, normalised; None where it does not say."""

    name: str
    version: str | None = None
    model: str | None = None
    detected_by: str = ""
    scraped_age_seconds: float | None = None
    error: str = ""
    """Why the last scrape failed, in words; the figures are then those of the last good one."""
    missing: tuple[str, ...] = ()
    """Metrics that this engine is known to have and did not give."""
    running: int | None = None
    waiting: int | None = None
    kv_cache_use: float | None = None
    """0 to 1."""
    preemptions: int | None = None
    prefix_cache_hit_rate: float | None = None
    prompt_tokens: int | None = None
    generation_tokens: int | None = None
    finished_requests: dict[str, int] | None = None


class Report(msgspec.Struct, frozen=True):
    """Everything one sidecar says."""

    identity: Identity
    at: float
    """Unix seconds when it was made."""
    uptime_seconds: float
    """Monotonic, since `identity.started_at`."""
    totals: Totals
    live: Live
    interception: InterceptionState
    resources: Resources | None = None
    engine: Engine | None = None
    version: int = VERSION
    histogram_layout: int = histogram.LAYOUT


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
    if len(data) > BYTES_LIMIT:
        raise UnreadableReport(f"a report of {len(data)} bytes; the limit is {BYTES_LIMIT}")
    try:
        header = msgspec.json.decode(data, type=_Header)
        if (header.version, header.histogram_layout) != (VERSION, histogram.LAYOUT):
            raise UnreadableReport(
                f"report version {header.version} (layout {header.histogram_layout}); this reader knows"
                f" {VERSION} (layout {histogram.LAYOUT}): upgrade the older side"
            )
        return _DECODER.decode(data)
    except msgspec.MsgspecError as error:
        raise UnreadableReport(f"not a report: {error}") from error
