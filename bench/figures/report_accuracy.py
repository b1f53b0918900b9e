"""The whole sidecar's report against the load program: tokens, and TTFT and gaps of each round.

What the report gained in a round is compared with what the client saw in it: exact tokens, and medians, which
in a report are those of a histogram (each value within 1 %). `accuracy.py` compares exchange by exchange.
"""

import itertools
import math
import statistics
from collections.abc import Sequence

from bench.comparison import Measured, Target
from bench.figures.accuracy import load
from bench.figures.scale import Scale
from bench.load.plan import Record
from bench.peers import whole_sidecar
from bench.peers.running import PeerUnavailableError
from bench.rig import Rig

from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.merge import add, since
from llmmonitor_api.report.totals import Totals

OURS = "sidecar's report"
ALLOWED = "1 ms"
CLIENT = "client"
_SECOND_US = 1e6


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """Errors of the medians of TTFT and gaps, and tokens as a share of the client's."""
    first: list[float] = []
    gaps: list[float] = []
    tokens: list[float] = []
    try:
        running = rig.start_as(whole_sidecar.start, "sidecar")
        try:
            for _ in range(scale.rounds):
                before = running.report().totals
                clients = rig.run(running, load(scale)).finished.records
                rig.settle(running)
                gained = since(running.report().totals, before)
                first.append(_error_us(_first_tokens(gained), _client_first_tokens(clients)))
                gaps.append(_error_us(_gaps(gained), _client_gaps(clients)))
                tokens.append(_tokens(gained) / sum(client.usage_tokens or 0 for client in clients))
        finally:
            running.stop()
    except (PeerUnavailableError, OSError) as error:
        rig.unavailable[OURS] = f"sidecar's report: {error}"
    share = {OURS: tokens, CLIENT: [1.0] * len(tokens)} if tokens else {}
    return [
        _error("report: median TTFT off by", first),
        _error("report: median gap off by", gaps),
        Measured("report: exact tokens", "share", share, (Target(OURS, CLIENT, 1.0, at_least=True),)),
    ]


def _first_tokens(totals: Totals) -> Histogram:
    return _sum([series.time_to_first_token for series in totals.traffic.values()])


def _gaps(totals: Totals) -> Histogram:
    return _sum([series.gaps for series in totals.traffic.values()])


def _tokens(totals: Totals) -> int:
    return sum(series.completion_tokens_exact for series in totals.traffic.values())


def _sum(histograms: Sequence[Histogram]) -> Histogram:
    found = Histogram()
    for histogram in histograms:
        found = add(found, histogram)
    return found


def _client_first_tokens(clients: Sequence[Record]) -> list[float]:
    return [(one.first_token_ns - one.sent_ns) / 1e9 for one in clients if one.first_token_ns]


def _client_gaps(clients: Sequence[Record]) -> list[float]:
    return [
        (later - earlier) / 1e9 for one in clients for earlier, later in itertools.pairwise(one.arrival_ns)
    ]


def _error_us(reported: Histogram, seen: Sequence[float]) -> float:
    if not seen or not reported.count:
        return math.nan
    ours = reported.value_at_rank((reported.count + 1) // 2)
    return abs(ours - statistics.median(seen)) * _SECOND_US


def _error(name: str, values: list[float]) -> Measured:
    found = {OURS: values, ALLOWED: [1000.0] * len(values)} if values else {}
    note = "of /v1/report, against the load program's own stamps"
    return Measured(name, "µs", found, (Target(OURS, ALLOWED, 1.0),), note=note)
