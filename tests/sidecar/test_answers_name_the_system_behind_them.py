from __future__ import annotations

from tests.sidecar.test_reader_survives_what_it_cannot_read import ASK, SECOND, opened

from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.signals.system_fingerprint import CHANGED_AFTER, SystemFingerprint
from llmmonitor_sidecar.tee import Kind, TeeRecord
from llmmonitor_sidecar.tee.record import REQUEST, RESPONSE


def answered(system: SystemFingerprint, *said: str | None) -> None:
    for number, one in enumerate(said):
        exchange = Exchange(1, number, "POST", "/v1/chat/completions", system_fingerprint=one)
        system.handle(ExchangeEvent(EventKind.ENDED, exchange, 0))


def test_the_first_is_believed_at_once_and_another_after_many_in_a_row() -> None:
    system = SystemFingerprint()
    assert system.current == ""

    answered(system, "fp_a", None, *["fp_b"] * (CHANGED_AFTER - 1))
    assert system.current == "fp_a"

    answered(system, "fp_b")
    assert system.current == "fp_b"


def test_systems_that_take_turns_are_no_change() -> None:
    system = SystemFingerprint()

    answered(system, *["fp_a", "fp_b", "fp_b", "fp_c"] * CHANGED_AFTER)

    assert system.current == "fp_a"


def test_it_is_read_off_a_real_answer() -> None:
    reader = TrafficReader()
    body = b'{"object":"chat.completion","system_fingerprint":"b6-abc","choices":[]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)

    reader.take(
        [
            opened(1),
            TeeRecord(Kind.DATA, 1, REQUEST, SECOND, ASK),
            TeeRecord(Kind.DATA, 1, RESPONSE, 2 * SECOND, head + body),
        ]
    )

    assert reader.system_fingerprint == "b6-abc"
