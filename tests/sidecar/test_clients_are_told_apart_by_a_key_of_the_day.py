"""From bytes on the wire to what the report says of single clients, and what it never says."""

from __future__ import annotations

import msgspec
import pytest
from tests.sidecar.test_reader_survives_what_it_cannot_read import opened

from llmmonitor_api.configuration import Configuration, ObjectiveSetting
from llmmonitor_api.report.clients import CLIENTS_LIMIT, MINUTES_SECONDS, ClientMet, Clients
from llmmonitor_api.report.totals import objective_key
from llmmonitor_api.signing.sealed import CannotUnseal, generate_sealing_key, sealed, unsealed
from llmmonitor_sidecar.analyser.exchange import Exchange
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.signals.clients import ClientTable
from llmmonitor_sidecar.signals.naming import Naming
from llmmonitor_sidecar.tee import Kind, TeeRecord
from llmmonitor_sidecar.tee.record import REQUEST, RESPONSE

SECOND = 1_000_000_000
CELL = MINUTES_SECONDS * SECOND
KEY = b"k" * 32
ERRORS = objective_key("errors", "ErrorRate", "")
CONFIGURATION = Configuration(
    objectives=(ObjectiveSetting("queue", "QueueDepth", 3.0, "3"), ObjectiveSetting("errors", "ErrorRate"))
)


def named() -> TrafficReader:
    reader = TrafficReader()
    reader.configure(CONFIGURATION)
    reader.clients.name_by("X-User", "day-1", KEY)
    return reader


def served(reader: TrafficReader, connection: int, at_ns: int, user: str, status: bytes = b"200 OK") -> None:
    body = b'{"model":"m","messages":[]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\n"
    if user:
        head += b"x-USER: " + user.encode() + b"\r\n"
    ask = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    answer = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    reader.take(
        [
            opened(connection),
            TeeRecord(Kind.DATA, connection, REQUEST, at_ns, ask),
            TeeRecord(Kind.DATA, connection, RESPONSE, at_ns + 1, answer),
        ]
    )


def test_what_each_client_met_is_told_once_the_minutes_are_over() -> None:
    reader = named()
    served(reader, 1, CELL // 2, "before anything counts from begin to end")
    for number, (user, status) in enumerate(
        [("ann", b"200 OK"), ("ann", b"500 No"), ("bob", b"200 OK"), ("", b"200 OK")], start=2
    ):
        served(reader, number, CELL + number * SECOND, user, status)

    running = reader.clients.report(2 * CELL - 1, b"p")
    over = reader.clients.report(2 * CELL, b"p")

    assert running == Clients(b"p", "day-1")
    assert (over.minutes, over.measures, over.nameless) == (1, (ERRORS,), 1)
    assert sorted(over.met.values(), key=lambda one: one.bad) == [
        ClientMet(0, (1,), (0,)),
        ClientMet(0, (2,), (1,)),
    ]


def test_no_report_holds_a_name_or_its_plain_hash_and_another_key_gives_other_names() -> None:
    names = []
    for key in (KEY, b"another key that nobody else has"):
        reader = named()
        reader.clients.name_by("X-User", key.hex()[:8], key)
        served(reader, 1, CELL // 2, "canary-7f3")
        served(reader, 2, CELL, "canary-7f3")
        encoded = msgspec.json.encode(reader.clients.report(2 * CELL, b"")).decode()
        assert "canary" not in encoded
        names.append(set(reader.clients.report(2 * CELL, b"").met))

    assert len(names[0]) == len(names[1]) == 1
    assert names[0] != names[1]


def test_without_a_key_no_client_is_looked_at() -> None:
    reader = TrafficReader()
    reader.configure(CONFIGURATION)
    served(reader, 1, CELL // 2, "ann")
    served(reader, 2, CELL, "ann")

    assert reader.clients.report(3 * CELL, b"p") == Clients(b"p")


def test_a_new_key_or_other_objectives_begin_anew() -> None:
    reader = named()
    served(reader, 1, CELL // 2, "ann")
    served(reader, 2, CELL, "ann")

    reader.clients.name_by("X-User", "day-2", KEY)
    renewed = reader.clients.report(2 * CELL, b"")
    reader.configure(Configuration())
    judged_otherwise = reader.clients.report(3 * CELL, b"")

    assert renewed == Clients(key_id="day-2")
    assert judged_otherwise.met == {}


def test_requests_that_hang_are_told_of_in_the_minutes_in_which_they_are_late() -> None:
    reader = TrafficReader()
    reader.configure(Configuration(objectives=(ObjectiveSetting("slow", "RequestDuration", 5.0, "5s"),)))
    reader.clients.name_by("x-user", "day-1", KEY)
    served(reader, 1, CELL // 2, "ann")
    ask = b"POST /v1/chat/completions HTTP/1.1\r\nX-User: bob\r\nContent-Length: 2\r\n\r\n{}"
    reader.take([opened(2), TeeRecord(Kind.DATA, 2, REQUEST, CELL, ask)])

    reader.tick(CELL + 6 * SECOND)

    assert list(reader.clients.report(2 * CELL, b"").met.values()) == [ClientMet(0, (1,), (1,))]


def test_of_too_many_clients_those_stay_whose_hashes_say_so_on_every_pod() -> None:
    tables = []
    for order in (range(3 * CLIENTS_LIMIT), reversed(range(3 * CLIENTS_LIMIT))):
        naming = Naming()
        table = ClientTable(naming)
        table.judge_by(["m"])
        table.name_by("x", "day", KEY)
        table.report(0, b"")
        table.judged(Exchange(1, 1, "POST", "/"), 0, 1, good=True)
        for number in order:
            exchange = Exchange(1, 1, "POST", "/", client=naming.name(str(number)))
            table.judged(exchange, 0, CELL, good=True)
        tables.append(table.report(2 * CELL, b""))

    one, other = tables
    assert one.level == other.level > 0
    assert set(one.met) == set(other.met)
    assert CLIENTS_LIMIT // 8 < len(one.met) <= CLIENTS_LIMIT


def test_minutes_without_requests_are_told_as_empty() -> None:
    reader = named()
    served(reader, 1, CELL // 2, "ann")

    reader.clients.report(CELL, b"")
    empty = reader.clients.report(2 * CELL, b"")
    much_later = reader.clients.report(9 * CELL, b"")

    assert (empty.minutes, empty.met) == (1, {})
    assert (much_later.minutes, much_later.met) == (8, {})


@pytest.mark.parametrize("off_cells", [6, -6])
def test_minutes_are_those_of_a_clock_that_was_put_right(off_cells: int) -> None:
    """By the hour that it was off at the start no minutes were those that the operator asked for."""
    reader = named()
    reader.clients.set_clock((100 + off_cells) * MINUTES_SECONDS, 0)
    served(reader, 1, SECOND, "ann")

    reader.clients.set_clock(100 * MINUTES_SECONDS + 2, 2 * SECOND)
    served(reader, 2, 3 * SECOND, "ann")
    reader.clients.set_clock(101 * MINUTES_SECONDS + 3, CELL)  # three seconds are none
    served(reader, 3, CELL + SECOND, "ann")
    over = reader.clients.report(2 * CELL, b"")

    assert (over.minutes, [one.events for one in over.met.values()]) == (101, [(1,)])


def test_the_key_is_sealed_to_one_sidecar_of_one_pod() -> None:
    mine, others = generate_sealing_key(), generate_sealing_key()
    data = sealed(KEY, mine.public_key().public_bytes_raw(), "uid-0")

    assert KEY not in data
    assert unsealed(data, mine, "uid-0") == KEY
    for key, uid in ((others, "uid-0"), (mine, "uid-1")):
        with pytest.raises(CannotUnseal):
            unsealed(data, key, uid)
    with pytest.raises(CannotUnseal):
        unsealed(b"", mine, "uid-0")
    with pytest.raises(ValueError, match="32"):
        sealed(KEY, b"short", "uid-0")
