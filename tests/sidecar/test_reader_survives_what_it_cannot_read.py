from __future__ import annotations

from collections.abc import Iterator

import pytest

from llmmonitor_api.configuration import Configuration, ObjectiveSetting
from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import ExchangeEvent
from llmmonitor_sidecar.analyser.reader import CONNECTIONS_LIMIT, TrafficReader
from llmmonitor_sidecar.tee import REQUEST, RESPONSE, CloseReason, Kind, TeeRecord, encode_addresses

BODY = b'{"model": "m", "messages": []}'
ASK = b"POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
CHOICE = b'{"index":0,"finish_reason":"stop","message":{"content":"hi"}}'
REPLY = b'{"choices":[%s],"usage":{"completion_tokens":2}}' % CHOICE
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(REPLY),
    REPLY,
)
ADDRESSES = encode_addresses("10.0.0.1", 5000, "10.0.0.2", 8000)
SECOND = 1_000_000_000


def opened(connection: int) -> TeeRecord:
    return TeeRecord(Kind.OPEN, connection, 0, SECOND, ADDRESSES)


def exchange(connection: int) -> Iterator[TeeRecord]:
    yield opened(connection)
    yield TeeRecord(Kind.DATA, connection, REQUEST, SECOND, ASK)
    yield TeeRecord(Kind.DATA, connection, RESPONSE, 2 * SECOND, ANSWER)
    yield TeeRecord(Kind.CLOSE, connection, 0, 3 * SECOND, CloseReason.EOF)


def outcomes(reader: TrafficReader) -> dict[str, int]:
    total: dict[str, int] = {}
    for series in reader.totals.traffic.values():
        for outcome, count in series.outcomes.items():
            total[outcome] = total.get(outcome, 0) + count
    return total


def test_an_exchange_is_counted_once_with_its_tokens() -> None:
    reader = TrafficReader()

    reader.take(exchange(1))

    (series,) = reader.totals.traffic.values()
    assert outcomes(reader) == {"ok": 1}
    assert series.completion_tokens_exact == 2
    assert reader.live(4 * SECOND).in_flight == 0


def test_a_defect_of_the_parser_costs_one_connection_and_is_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Defective(ConnectionAnalyser):
        def eof(self, direction: int, at_ns: int) -> list[ExchangeEvent]:
            raise ZeroDivisionError(direction, at_ns, "what somebody" + " said")

    monkeypatch.setattr("llmmonitor_sidecar.analyser.reader.ConnectionAnalyser", Defective)
    reader = TrafficReader()

    reader.take(
        [
            opened(1),
            TeeRecord(Kind.DATA, 1, REQUEST, SECOND, ASK),
            TeeRecord(Kind.EOF, 1, REQUEST, SECOND, b""),
            TeeRecord(Kind.DATA, 1, RESPONSE, SECOND, ANSWER),
            *exchange(2),
            TeeRecord(Kind.CLOSE, 1, 0, SECOND, CloseReason.EOF),
        ]
    )

    assert "ZeroDivisionError" in caplog.text
    assert "in eof" in caplog.text
    assert "what somebody said" not in caplog.text
    assert reader.totals.interception.malformed.counts["parser_defect"] == 1
    assert outcomes(reader) == {"not_analysed": 1, "ok": 1}
    assert reader.live(4 * SECOND).in_flight == 0


def test_a_connection_from_before_the_start_is_counted_and_never_guessed_at() -> None:
    reader = TrafficReader()

    reader.take(list(exchange(1))[1:])

    assert reader.totals.interception.unknown_connections == 1
    assert not reader.totals.traffic


def test_connections_beyond_the_limit_are_shed_and_counted() -> None:
    reader = TrafficReader()

    reader.take(opened(number) for number in range(CONNECTIONS_LIMIT + 3))

    assert reader.totals.interception.shed_connections == 3


def test_giving_everything_up_ends_what_is_in_flight_and_reads_new_connections_again() -> None:
    reader = TrafficReader()
    reader.take(list(exchange(1))[:2])
    assert reader.live(2 * SECOND).in_flight == 1

    reader.shed_all(2 * SECOND)
    reader.take([*list(exchange(1))[2:], *exchange(2)])

    assert outcomes(reader) == {"not_analysed": 1, "ok": 1}
    assert reader.totals.interception.shed_connections == 1
    assert reader.live(4 * SECOND).in_flight == 0


@pytest.mark.parametrize("reason", [CloseReason.REFUSED, CloseReason.TIMEOUT])
def test_a_connection_the_model_refused_is_an_error_of_the_model(reason: bytes) -> None:
    reader = TrafficReader()
    reader.configure(Configuration(objectives=(ObjectiveSetting("errors", "ErrorRate"),)))

    reader.take([opened(1), TeeRecord(Kind.CLOSE, 1, 0, SECOND, reason)])

    (counts,) = reader.totals.objectives.values()
    assert (counts.good, counts.bad) == (0, 1)
