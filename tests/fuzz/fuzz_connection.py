"""Coverage-guided fuzzing of the parser: whatever either side sends, its promises hold.

`make fuzz` brings atheris beside the other tools and runs it for ten minutes; by hand, with atheris at hand:

    python tests/fuzz/fuzz_connection.py -max_total_time=600 [corpus folder]

The input is a list of records as the relay makes them: one byte says which (data of a direction, half-close,
close, copies lost), two give a length, then come the bytes. The recorded exchanges are the seeds.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["llmmonitor_sidecar"]):
    from llmmonitor_sidecar.analyser import limits
    from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
    from llmmonitor_sidecar.analyser.exchange import EventKind, ExchangeEvent, Outcome

REQUEST, RESPONSE = 0, 1
FIXTURES = Path(__file__).parents[1] / "sidecar" / "fixtures" / "exchanges"
REASONS = ("eof", "client_reset", "server_reset", "refused", "timeout", "stopped", "relay_died")
OTHER_RECORDS = 16
"""One record in so many is no data."""
BUFFERED_BYTES = limits.PIPELINED_REQUESTS * limits.REQUEST_BODY_BYTES


def records(data: bytes) -> list[tuple[int, bytes]]:
    """Split an input into records of (kind, payload)."""
    found, at = [], 0
    while at + 3 <= len(data):
        size = int.from_bytes(data[at + 1 : at + 3], "big")
        found.append((data[at], data[at + 3 : at + 3 + size]))
        at += 3 + size
    return found


def play(
    found: list[tuple[int, bytes]], *, step: int | None
) -> tuple[list[ExchangeEvent], ConnectionAnalyser]:
    """Give all records to a fresh analyser, data in pieces of `step` bytes, and close."""
    analyser = ConnectionAnalyser(1)
    events: list[ExchangeEvent] = []
    for now, (kind, payload) in enumerate(found, start=1):
        if kind % OTHER_RECORDS < OTHER_RECORDS - 1:
            size = step or max(len(payload), 1)
            for start in range(0, len(payload), size):
                events += analyser.feed(kind & 1, now, payload[start : start + size])
        elif kind & 0xF0 == 0xF0:
            events += analyser.lost(now)
        else:
            events += analyser.eof(kind >> 4 & 1, now)
        if analyser.buffered_bytes > BUFFERED_BYTES:
            raise AssertionError(f"{analyser.buffered_bytes} bytes buffered")
    events += analyser.close(REASONS[len(found) % len(REASONS)], len(found) + 1)
    return events, analyser


def check_promises(events: list[ExchangeEvent]) -> None:
    """Each exchange: request ended at most once and first, ended exactly once and last, figures sane."""
    seen: dict[int, list[EventKind]] = {}
    for event in events:
        seen.setdefault(id(event.exchange), []).append(event.kind)
    by_id = {id(event.exchange): event.exchange for event in events}
    for key, kinds in seen.items():
        exchange = by_id[key]
        order = [EventKind.REQUEST_ENDED, EventKind.FIRST_TOKEN, EventKind.ENDED]
        if [kind for kind in order if kind in kinds] != kinds:
            raise AssertionError(f"events out of order: {kinds}")
        if kinds[-1] is not EventKind.ENDED or exchange.outcome is Outcome.IN_FLIGHT:
            raise AssertionError("an exchange never ended")
        if EventKind.FIRST_TOKEN in kinds and EventKind.REQUEST_ENDED not in kinds:
            raise AssertionError("a first token without a request")
        if (
            len(exchange.choices) > limits.CHOICES
            or exchange.completion_tokens < 0
            or exchange.prompt_tokens < 0
        ):
            raise AssertionError("a figure out of bounds")


def told(events: list[ExchangeEvent]) -> list[tuple[str, str]]:
    """Return what must not depend on how the bytes were split."""
    return [(event.kind.value, repr(event.exchange)) for event in events]


def one_input(data: bytes) -> None:
    """Play one input whole and in small pieces; both must tell the same."""
    found = records(data)
    events, analyser = play(found, step=None)
    check_promises(events)
    if len(data) <= 4_096:  # short enough to be quick
        pieces, other = play(found, step=1 + len(data) % 61)
        check_promises(pieces)
        if told(events) != told(pieces) or analyser.protocol is not other.protocol:
            raise AssertionError(f"splits differ:\n{told(events)}\n{told(pieces)}")


def seeds(folder: Path) -> None:
    """Write the recorded exchanges as inputs: whole, in halves, and two on one connection."""

    def record(kind: int, data: bytes) -> bytes:
        parts = [data[i : i + 65_535] for i in range(0, len(data), 65_535)]
        return b"".join(bytes([kind]) + len(part).to_bytes(2, "big") + part for part in parts)

    for request in sorted(FIXTURES.glob("*.request")):
        asked, answer = request.read_bytes(), request.with_suffix(".response").read_bytes()
        if len(asked) + len(answer) > 8_192:  # long seeds slow every mutation
            continue
        whole = record(0, asked) + record(1, answer)
        half = len(answer) // 2
        halves = record(0, asked) + record(1, answer[:half]) + record(1, answer[half:])
        kept = (asked + answer).replace(b"Connection: close\r\n", b"")
        (folder / f"{request.stem}.whole").write_bytes(whole)
        (folder / f"{request.stem}.halves").write_bytes(halves + record(0x0F, b""))
        (folder / f"{request.stem}.twice").write_bytes(
            (record(0, kept[: kept.rfind(b"HTTP/1.1 ")]) + record(1, kept[kept.rfind(b"HTTP/1.1 ") :])) * 2
        )


def main() -> None:
    """Fuzz; the corpus is a folder of this run unless one is given."""
    arguments = list(sys.argv)
    if all(argument.startswith("-") for argument in arguments[1:]):
        arguments.append(tempfile.mkdtemp(prefix="fuzz-connection-"))
    folder = Path(arguments[-1])
    if folder.is_dir() and not any(folder.iterdir()):
        seeds(folder)
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
