"""aiperf's error beside ours on the same runs: aiperf sends its requests through the recording relay.

The model server's own stamps are the truth here, since aiperf's client has none of ours: TTFT is first token
written minus request read, a gap is the pause between two writes. Requests go one after another, so the n-th
of each of the three is the same request. A round is some consecutive requests.
"""

import itertools
import statistics
import urllib.request
from collections.abc import Sequence

import msgspec
from bench.comparison import Measured, Target
from bench.figures.scale import Scale
from bench.model_server import Exchange
from bench.peers import aiperf, recorder
from bench.peers.running import PeerUnavailableError
from bench.rig import Rig

OURS = "relay and parser"
PEER = "aiperf"
REQUESTS_PER_ROUND = 9
TOKENS = 20
TTFT = "error of TTFT beside aiperf's, median"
GAPS = "error of gaps beside aiperf's, median"
_PACE = {"tokens_per_second": "200", "first_token_seconds": "0.03", "keep_stamps": "yes"}


class Seen(msgspec.Struct, frozen=True):
    """One request as one of the three saw it, ns."""

    ttft_ns: float
    gaps_ns: Sequence[float]


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """Median error of TTFT and of gaps, ours and aiperf's; nothing where aiperf is not installed."""
    count = REQUESTS_PER_ROUND * scale.rounds
    try:
        running = rig.start_as(recorder.start, "recorder")
        try:
            profiled = aiperf.profile(running.port, count, TOKENS, _PACE, running.file.parent)
            rig.settle(running)
            recorded = running.recorded()[-count:]
        finally:
            running.stop()
    except PeerUnavailableError as error:
        rig.unavailable[PEER] = str(error)
        return [_figure(TTFT, {}), _figure(GAPS, {})]
    truth = [_sent(exchange) for exchange in _exchanges(rig.model_port)[-count:]]
    seen = {
        OURS: [Seen(ours.first_token_ns - ours.request_ended_ns, ours.gaps_ns) for ours in recorded],
        PEER: [Seen(theirs.ttft_ns, theirs.gaps_ns) for theirs in profiled],
    }
    return [
        _figure(
            TTFT,
            {name: by_round([_ttft(*pair) for pair in _pairs(truth, own)]) for name, own in seen.items()},
        ),
        _figure(
            GAPS,
            {name: by_round([_gaps(*pair) for pair in _pairs(truth, own)]) for name, own in seen.items()},
        ),
    ]


def by_round(errors: Sequence[Sequence[float]]) -> list[float]:
    """The median error, in µs, of each group of consecutive requests."""
    return [
        statistics.median(itertools.chain.from_iterable(errors[at : at + REQUESTS_PER_ROUND])) / 1e3
        for at in range(0, len(errors), REQUESTS_PER_ROUND)
    ]


def _pairs(truth: Sequence[Seen], own: Sequence[Seen]) -> list[tuple[Seen, Seen]]:
    return list(zip(truth, own, strict=True))


def _ttft(true: Seen, own: Seen) -> list[float]:
    return [abs(own.ttft_ns - true.ttft_ns)]


def _gaps(true: Seen, own: Seen) -> list[float]:
    return [abs(seen - sent) for sent, seen in zip(true.gaps_ns, own.gaps_ns, strict=False)]


def _sent(exchange: Exchange) -> Seen:
    gaps = [later - earlier for earlier, later in itertools.pairwise(exchange.sent_ns)]
    return Seen(exchange.first_token_ns - exchange.received_ns, gaps)


def _exchanges(port: int) -> list[Exchange]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/exchanges", timeout=10) as answer:
        return msgspec.json.decode(answer.read(), type=list[Exchange])


def _figure(name: str, values: dict[str, list[float]]) -> Measured:
    note = f"one request after another, {TOKENS} tokens at 200/s; against the model server's own stamps"
    return Measured(name, "µs", values, (Target(OURS, PEER, 1.0),), note=note)
