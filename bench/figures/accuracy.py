"""How far what the sidecar measures is from what the client saw: TTFT, gaps and tokens, exchange by exchange.

The load program stamps receipts in the client; the relay stamps what it reads, and the analyser's parser
makes figures of it. Each recorded exchange is matched with the request it was, by the client's port and its
number on that connection; the error is the absolute difference. A gap is compared with the very same gap of
the client.
"""

import itertools
import statistics
import time
from collections.abc import Iterable, Iterator

from bench.comparison import Measured, Target
from bench.figures.scale import Scale
from bench.load.plan import Plan, Record
from bench.measure.statistics import quantile
from bench.peers import recorder
from bench.peers.recorder import Recorded, RecordingRelay
from bench.peers.running import PeerUnavailableError
from bench.rig import Rig

OURS = "relay and parser"
_ALLOWED = "1 ms"
_ALL = "tokens the client counted"
_SETTLE_SECONDS = 3.0


def measure(rig: Rig, scale: Scale) -> list[Measured]:
    """Median and p99 of the errors, and tokens as a share of those the client counted."""
    plan = load(scale)
    first: list[float] = []
    first_tail: list[float] = []
    gaps: list[float] = []
    shares: list[float] = []
    try:
        running = rig.start_as(recorder.start, "recorder")
    except PeerUnavailableError as error:
        rig.unavailable[OURS] = str(error)
        return [_errors("error of TTFT, median", []), _errors("error of gaps, median", [])]
    try:
        for _ in range(scale.rounds):
            seen = len(running.recorded())
            clients = rig.run(running, plan).finished.records
            pairs = list(matched(clients, _wait(running, seen, len(clients))))
            if not pairs:
                continue
            errors = [abs(_our_ttft_ns(ours) - _client_ttft_ns(client)) / 1e3 for client, ours in pairs]
            first.append(statistics.median(errors))
            first_tail.append(quantile(errors, 0.99))
            gaps.append(statistics.median(itertools.chain.from_iterable(_gap_errors_us(pairs))))
            counted = sum(client.tokens for client in clients)
            shares.append(sum(ours.completion_tokens for _, ours in pairs) / counted)
    finally:
        running.stop()
    exact = Measured(
        "tokens found, share of the client's",
        "share",
        {OURS: shares, _ALL: [1.0] * len(shares)},
        (Target(OURS, _ALL, 1.0, at_least=True),),
        note="from the answer's usage",
    )
    return [
        _errors("error of TTFT, median", first),
        _errors("error of TTFT, p99", first_tail, limit=None),
        _errors("error of gaps, median", gaps),
        exact,
    ]


def load(scale: Scale) -> Plan:
    """Streams of 40 tokens at 100/s, 60 begun a second, all awaited to their end."""
    return Plan(
        host="",
        port=0,
        seconds=scale.seconds(2.0),
        requests_per_second=60,
        connections="alternate",
        streams=32,
        tokens=40,
        tokens_per_second=100,
        first_token_seconds=0.03,
        detail="arrivals",
        drain_seconds=5.0,
    )


def matched(clients: Iterable[Record], recorded: Iterable[Recorded]) -> Iterator[tuple[Record, Recorded]]:
    """Pairs of a client's record and what was recorded of the same exchange, where both are complete."""
    by_connection: dict[int, list[Record]] = {}
    for client in sorted(clients, key=lambda record: record.sent_ns):
        by_connection.setdefault(client.client_port, []).append(client)
    for ours in recorded:
        own = by_connection.get(ours.client_port, [])
        if ours.number < len(own) and ours.first_token_ns and not own[ours.number].error:
            yield own[ours.number], ours


def _wait(running: RecordingRelay, seen: int, expected: int) -> list[Recorded]:
    """What was recorded since `seen`, when it is complete or time is up."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while len(found := running.recorded()[seen:]) < expected and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _our_ttft_ns(ours: Recorded) -> int:
    return ours.first_token_ns - ours.request_ended_ns


def _client_ttft_ns(client: Record) -> int:
    return client.first_token_ns - client.sent_ns


def _gap_errors_us(pairs: Iterable[tuple[Record, Recorded]]) -> Iterator[list[float]]:
    for client, ours in pairs:
        theirs = [later - earlier for earlier, later in itertools.pairwise(client.arrival_ns)]
        if len(theirs) == len(ours.gaps_ns):
            yield [abs(own - their) / 1e3 for own, their in zip(ours.gaps_ns, theirs, strict=True)]


def _errors(name: str, values: list[float], limit: float | None = 1.0) -> Measured:
    found = {OURS: values, _ALLOWED: [1000.0] * len(values)} if values else {}
    note = "against the load program's own stamps, exchange by exchange; 60 streams/s of 40 tokens"
    return Measured(name, "µs", found, (Target(OURS, _ALLOWED, limit),), note=note)
