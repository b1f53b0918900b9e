from __future__ import annotations

import pytest
from tests.sidecar.test_reader_survives_what_it_cannot_read import opened

from llmmonitor_api.configuration import Configuration, ReviewSetting
from llmmonitor_api.report.clients import MINUTES_SECONDS
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.signals.client_counts import ClientCounts
from llmmonitor_sidecar.signals.clients import ClientTable
from llmmonitor_sidecar.signals.naming import Naming
from llmmonitor_sidecar.tee import REQUEST, RESPONSE, Kind, TeeRecord

KEY = b"k" * 32


def test_counts_of_an_address_go_and_others_stay() -> None:
    counts = ClientCounts()
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.1"):
        counts.count(address, frozenset({"jailbreak"}), 10.0)

    assert counts.erase("10.0.0.1") == 2  # requests and one kind
    assert counts.erase("10.0.0.1") == 0

    seen = counts.seen(10.0)
    assert (seen.clients, seen.most_requests, seen.with_findings) == (1, 1, {"jailbreak": 1})


def test_a_name_is_of_a_day_and_of_this_process() -> None:
    counts = ClientCounts()
    today = counts.name("10.0.0.1", 10.0)

    assert today == counts.name("10.0.0.1", 20.0)
    assert today not in {counts.name("10.0.0.1", 86_410.0), ClientCounts().name("10.0.0.1", 10.0)}
    assert counts.name("", 10.0) == ""


@pytest.mark.parametrize("user", ["ann", "Zoë", "李", "x" * 1_000])
@pytest.mark.parametrize("looked_at", [True, False])
def test_cases_of_a_header_go_whether_they_were_looked_at_or_wait(user: str, *, looked_at: bool) -> None:
    reader = reviewed(KEY)
    served(reader, 1, user)
    served(reader, 2, "bob")
    if looked_at:
        while reader.inspect():
            pass

    assert reader.erase(user, 3) == (1, 0)

    while reader.inspect():
        pass
    assert waiting(reader) == 1, "bob's"


@pytest.mark.parametrize("user", ["ann", "Zoë"])
def test_figures_of_a_header_go(user: str) -> None:
    naming = Naming()
    table = ClientTable(naming)
    table.judge_by(["errors"])
    table.name_by("X-User", "day", KEY)
    for minutes, who in ((0, user), (1, user), (1, "bob")):
        name = naming.name(who.encode().decode("latin-1"))
        table.judged(
            Exchange(1, 0, "POST", "/v1/chat/completions", client=name),
            0,
            minutes * MINUTES_SECONDS * 10**9,
            good=True,
        )

    assert table.erase(user) == 1
    assert table.erase(user) == 0


def test_without_a_key_no_header_is_known_and_nothing_is_erased_by_one() -> None:
    reader = reviewed(b"")
    served(reader, 1, "ann")

    assert reader.erase("ann", 3) == (0, 0)

    while reader.inspect():
        pass
    assert waiting(reader) == 1


def reviewed(key: bytes) -> TrafficReader:
    reader = TrafficReader()
    reader.configure(Configuration(review=ReviewSetting(100, 3600.0)))
    reader.clients.name_by("X-User", "day", key)
    return reader


def waiting(reader: TrafficReader) -> int:
    state = reader.review.state(1.0)
    assert state is not None
    return state.waiting


def served(reader: TrafficReader, connection: int, user: str) -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"Where is my parcel?"}]}'
    said = b'{"choices":[{"message":{"content":"On its way."},"finish_reason":"stop"}]}'
    ask = b"POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nx-user: " + user.encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json"
    data = (
        (REQUEST, ask + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body),
        (RESPONSE, answer + b"\r\nContent-Length: %d\r\n\r\n" % len(said) + said),
    )
    reader.take([opened(connection), *(TeeRecord(Kind.DATA, connection, to, 1, one) for to, one in data)])
