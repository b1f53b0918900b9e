"""What is pushed to a whole sidecar is at work with the next report: nothing is restarted for it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from tests.sidecar.whole_sidecar import POD, Whole, until

from llmmonitor_api.configuration import ClientSetting, Configuration, ObjectiveSetting, VocabularySetting
from llmmonitor_api.report.totals import objective_key
from llmmonitor_api.signing.sealed import sealed

SLOW = ObjectiveSetting("slow", "RequestDuration", 5.0, "5s")
UP = ObjectiveSetting("up", "Availability")


def test_objectives_and_intervals_change_while_it_runs(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(sidecar.answers)
    life = sidecar.interception()["boot_id"]
    children = sidecar.children()

    assert sidecar.put(Configuration(generation=1, objectives=(SLOW,))) == 200
    assert set(_objectives(sidecar)) == {objective_key("slow", "RequestDuration", "5s")}

    assert sidecar.put(Configuration(generation=2, objectives=(UP,), resource_interval_seconds=0.1)) == 200
    up = objective_key("up", "Availability", "")
    until(lambda: _objectives(sidecar).get(up, {}).get("bad", 0) > 2)  # nobody listens where the model should
    assert set(_objectives(sidecar)) == {up}

    before = _objectives(sidecar)[up]["bad"]
    of_lora = ObjectiveSetting("slow", "RequestDuration", 5.0, "5s", ("lora-*",), ("chat",))
    filtered = Configuration(
        generation=3, objectives=(UP,), further_objectives=(of_lora,), resource_interval_seconds=60.0
    )
    assert sidecar.put(filtered) == 200
    assert set(_objectives(sidecar)) == {up, of_lora.key}
    assert _objectives(sidecar)[up]["bad"] >= before, "another objective's filter is none of its business"
    _let_pass(sidecar, 1.0)  # the interval that had begun
    sampled = _objectives(sidecar)
    _let_pass(sidecar, 2.0)
    assert _objectives(sidecar) == sampled

    now = sidecar.interception()
    assert (now["configuration_generation"], now["boot_id"]) == (3, life)
    assert sidecar.children() == children
    assert Path(f"/proc/{sidecar.process.pid}").exists()


def _let_pass(sidecar: Whole, seconds: float) -> None:
    until_uptime = sidecar.report()["uptime_seconds"] + seconds
    until(lambda: sidecar.report()["uptime_seconds"] > until_uptime)


def _objectives(sidecar: Whole) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = sidecar.report()["totals"].get("objectives", {})
    return found


def test_clients_are_known_by_a_key_that_this_sidecar_alone_can_read(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(sidecar.answers)
    public = base64.b64decode(_clients(sidecar)["sealing_key"])
    assert "key_id" not in _clients(sidecar)

    told = ClientSetting("X-User", "day-1", sealed(b"k" * 32, public, POD))
    assert sidecar.put(Configuration(generation=1, clients=told)) == 200
    assert _clients(sidecar)["key_id"] == "day-1"

    for_another = ClientSetting("X-User", "day-2", sealed(b"k" * 32, public, "another pod"))
    assert sidecar.put(Configuration(generation=2, clients=for_another)) == 200
    assert "key_id" not in _clients(sidecar)  # so that the operator sends it again

    assert sidecar.put(Configuration(generation=3, clients=told)) == 200
    assert sidecar.put(Configuration(generation=4)) == 200
    assert "key_id" not in _clients(sidecar)


def test_words_are_counted_by_a_key_that_this_sidecar_alone_can_read(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(sidecar.answers)
    public = base64.b64decode(_clients(sidecar)["sealing_key"])
    assert sidecar.report()["vocabulary_key"] == ""

    for_another = VocabularySetting("key-1", sealed(b"k" * 32, public, "another pod"))
    assert sidecar.put(Configuration(generation=1, vocabulary=for_another)) == 200
    no_key = VocabularySetting("key-1", sealed(b"short", public, POD))
    assert sidecar.put(Configuration(generation=2, vocabulary=no_key)) == 200
    assert sidecar.report()["vocabulary_key"] == ""  # so that the operator sends it again

    told = VocabularySetting("key-1", sealed(b"k" * 32, public, POD))
    assert sidecar.put(Configuration(generation=3, vocabulary=told)) == 200
    assert sidecar.put(Configuration(generation=4)) == 200
    assert (
        sidecar.report()["vocabulary_key"] == "key-1"
    )  # a push that does not know where to seal to takes none


def _clients(sidecar: Whole) -> dict[str, str]:
    found: dict[str, str] = sidecar.report()["clients"]
    return found
