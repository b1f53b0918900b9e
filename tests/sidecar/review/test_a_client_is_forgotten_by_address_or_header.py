from __future__ import annotations

from llmmonitor_sidecar.signals.client_counts import ClientCounts
from llmmonitor_sidecar.signals.clients import ClientTable
from llmmonitor_sidecar.signals.naming import Naming


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


def test_without_a_key_no_header_is_known_and_nothing_is_erased_by_one() -> None:
    assert ClientTable(Naming()).erase("alice") == 0
