"""Everything a neighbour in the cluster could send instead of the operator, to a real process over HTTP."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import jwt
from tests.sidecar.whole_sidecar import KEY, POD, Whole, until

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.signing import generate_private_key, sign_configuration, sign_request

IN_FORCE = Configuration(generation=7, resource_interval_seconds=9.0)
HOSTILE = Configuration(generation=9, stop=True)
SKEW_SECONDS = 300


def _forged(document: str) -> str:
    """A stranger's signature under our key's name."""
    header, payload, _ = document.split(".")
    theirs = jwt.PyJWS(algorithms=["EdDSA"]).encode(
        jwt.utils.base64url_decode(payload),
        generate_private_key(),
        "EdDSA",
        jwt.get_unverified_header(document),
    )
    assert theirs.split(".")[0] == header
    return theirs


def test_each_is_refused_with_its_reason_and_counted(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(sidecar.answers)
    now = time.time()
    older = sign_configuration(IN_FORCE, KEY, POD, now - 5)
    assert sidecar.put(IN_FORCE) == 200
    attempts = {
        "replayed": (409, older),
        "old_generation": (409, sign_configuration(Configuration(generation=6), KEY, POD, now + 1)),
        "forged": (403, _forged(sign_configuration(HOSTILE, KEY, POD, now))),
        "unknown_key": (403, sign_configuration(HOSTILE, generate_private_key(), POD, now)),
        "other_pod": (403, sign_configuration(HOSTILE, KEY, "another-pod", now)),
        "not_yet_valid": (403, sign_configuration(HOSTILE, KEY, POD, now + SKEW_SECONDS + 60)),
        "expired": (403, sign_configuration(HOSTILE, KEY, POD, now - 86_400 - SKEW_SECONDS - 60)),
        "wrong_kind": (403, sign_request("PUT", "/v1/config", KEY, POD, now).removeprefix("Bearer ")),
        "malformed": (400, "{}"),
    }

    for reason, (status, document) in attempts.items():
        answer = sidecar.send("PUT", "/v1/config", document)

        assert (answer[0], answer[1]["error"]["reason"]) == (status, reason)

    assert sidecar.report()["identity"]["configuration_generation"] == IN_FORCE.generation
    assert sidecar.interception()["reason"] != "Stopped"
    exposition = sidecar.send("GET", "/metrics")[1]["text"]
    for reason in attempts:
        assert f'llm_monitor_refused_total{{endpoint="config",reason="{reason}"}} 1.0' in exposition


def test_a_number_that_cannot_be_put_in_force_fails_no_analyser(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(sidecar.answers)
    assert sidecar.put(IN_FORCE) == 200
    boot = sidecar.interception()["boot_id"]

    for configuration, words in (
        (Configuration(generation=8, max_added_latency_seconds=-1.0), "max_added_latency_seconds is -1;"),
        (Configuration(generation=8, drain_idle_seconds=1e300), "drain_idle_seconds is 1e+300;"),
        (Configuration(generation=2**63), "generation is 9.22337e+18;"),
    ):
        document = sign_configuration(configuration, KEY, POD, time.time())
        status, answer = sidecar.send("PUT", "/v1/config", document)
        assert status == 422
        assert words in answer["error"]["message"]

    os.kill(sidecar.children()[0], signal.SIGKILL)
    until(lambda: sidecar.interception().get("boot_id", boot) != boot)
    assert sidecar.interception()["configuration_generation"] == IN_FORCE.generation


def test_a_request_that_was_recorded_is_answered_once(start: Callable[..., Whole]) -> None:
    sidecar = start()
    until(sidecar.answers)
    signed = {"Authorization": sign_request("GET", "/v1/report", KEY, POD, time.time())}

    assert sidecar.send("GET", "/v1/report", headers=signed)[0] == 200
    again = sidecar.send("GET", "/v1/report", headers=signed)
    unsigned = sidecar.send("GET", "/v1/report")

    assert (again[0], again[1]["error"]["reason"]) == (409, "replayed")
    assert (unsigned[0], unsigned[1]["error"]["reason"]) == (401, "missing")
    exposition = sidecar.send("GET", "/metrics")[1]["text"]
    for reason in ("replayed", "missing"):
        assert f'llm_monitor_refused_total{{endpoint="report",reason="{reason}"}} 1.0' in exposition
