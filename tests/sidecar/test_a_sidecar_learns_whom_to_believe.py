"""A key is replaced while a sidecar runs: it learns the next by the one before, and says whom it believes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from tests.sidecar.whole_sidecar import KEY, POD, Whole, until

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.signing import generate_private_key, key_id, public_key_bytes, sign_configuration

NEXT = generate_private_key()
BOTH = (public_key_bytes(KEY), public_key_bytes(NEXT))


def test_it_believes_both_during_the_overlap_and_then_only_the_next(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(sidecar.answers)
    assert sidecar.report()["identity"]["trusted_keys"] == [key_id(KEY)]
    assert sidecar.ask("/v1/report", key=NEXT)[1]["error"]["reason"] == "unknown_key"

    assert sidecar.put(Configuration(generation=7, public_keys=BOTH)) == 200
    for key in (KEY, NEXT):
        assert sidecar.report(key)["identity"]["trusted_keys"] == [key_id(KEY), key_id(NEXT)]

    assert sidecar.put(Configuration(generation=7, public_keys=BOTH[1:]), NEXT) == 200
    assert sidecar.report(NEXT)["identity"]["trusted_keys"] == [key_id(NEXT)]
    document = sign_configuration(Configuration(generation=8), KEY, POD, time.time())
    assert sidecar.ask("/v1/config", document)[1]["error"]["reason"] == "unknown_key"
    assert sidecar.report(NEXT)["identity"]["configuration_generation"] == 7


def test_what_it_learnt_outlives_the_analyser_and_a_stop_but_not_the_container(
    start: Callable[..., Whole],
) -> None:
    sidecar = start()
    until(sidecar.answers)
    assert sidecar.put(Configuration(generation=7, public_keys=BOTH[1:])) == 200
    assert sidecar.put(Configuration(generation=7, stop=True), NEXT) == 200
    life = sidecar.report(NEXT)["identity"]["boot_id"]

    os.kill(sidecar.children()[0], signal.SIGKILL)
    until(lambda: sidecar.report(NEXT).get("identity", {}).get("boot_id", life) != life)

    assert sidecar.report(NEXT)["identity"]["trusted_keys"] == [key_id(NEXT)]
    again = start()
    until(again.answers)
    assert again.report()["identity"]["trusted_keys"] == [key_id(KEY)]


def test_keys_that_are_none_change_nothing(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(sidecar.answers)

    for keys in ((b"short",), tuple(bytes([n]) * 32 for n in range(5))):
        assert sidecar.put(Configuration(generation=7, public_keys=keys)) == 422

    identity = sidecar.report()["identity"]
    assert (identity["trusted_keys"], identity["configuration_generation"]) == ([key_id(KEY)], 0)
