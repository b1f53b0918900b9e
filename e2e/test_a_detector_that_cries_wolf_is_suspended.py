"""People find a detector wrong on their traffic: its precision is measured, and its limit is judged no more.

A gatekeeper's model says by its house rules that gates stay shut, and the detector of refusals takes that
for refusing to help. Two people look at the cases that it drew. What they said is in the audit chain, where
a verdict that an administrator turned round by hand is found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from e2e import chat
from e2e.asking import answers, saying
from e2e.commands import llm_monitor
from e2e.installed import RELEASE, Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, until

pytestmark = pytest.mark.busy
MINUTES = 60.0
SETTINGS: dict[str, Any] = {
    "interception": {"maxAddedLatency": "1s"},  # two cores beside a model that fills them
    "sampling": {"reportInterval": "5s"},
    "interactions": {"refusals": {"max": 10}},
    "privacy": {"content": "Redacted", "review": {"maxCases": 200, "maxAge": "1h"}, "clientHeader": "X-User"},
}
PEOPLE = ("alice", "carol")
KIND, DETECTOR = "refusals", "refusals 1: refusals"
GATE = {"role": "user", "content": "Can you let me in at midnight?"}
SHUT = "Sorry, I cannot open the gate at night."
A_TIME = 24
"""Chats between two looks, each of another client."""
FEWEST_VERDICTS, FLOOR = 30, 0.5


@pytest.fixture
def reviewed(namespace: Kubectl, answering: Installed, model_image: str) -> Iterator[Kubectl]:
    """The real model, and two people who may judge what detectors say of it."""
    namespace.apply(chat.model(model_image), chat.service(), chat.monitor(**SETTINGS))
    namespace("rollout", "status", "deployment/chat", "--timeout=120s")
    bindings = []
    for person in PEOPLE:
        namespace("create", "serviceaccount", person)
        who = f"--serviceaccount={namespace.namespace}:{person}"
        namespace("create", "rolebinding", person, f"--clusterrole={RELEASE}-reviewer", who)
        bindings.append(f"rolebinding/{namespace.namespace}-{person}")
        name = bindings[-1].partition("/")[2]
        answering.kubectl("create", "rolebinding", name, f"--role={RELEASE}-asker", who)
    condition(namespace, chat.NAME, 3 * MINUTES, Intercepting="True")
    yield namespace
    answering.kubectl("delete", *bindings)


def test_verdicts_measure_a_detector_and_suspend_it(
    reviewed: Kubectl, answering: Installed, model_image: str, figure: Callable[[str], None]
) -> None:
    _gates_stay_shut(reviewed, model_image)
    cried = condition(reviewed, chat.NAME, 2 * MINUTES, InteractionsSafe="RefusalsHigh", Healthy="False")
    verdicts = 0
    for turn in range(6):
        verdicts += _all_wrong(reviewed, PEOPLE[turn % 2])
        if verdicts >= FEWEST_VERDICTS and turn:
            break
        _gates_stay_shut(reviewed, model_image)
    condition(reviewed, chat.NAME, 2 * MINUTES, InteractionsSafe="DetectorSuspended")
    measured = until(lambda: _measured(reviewed, verdicts), "all verdicts to be in the status", 1 * MINUTES)
    found = condition(reviewed, chat.NAME, 1 * MINUTES, InteractionsSafe="DetectorSuspended")
    figure(found["InteractionsSafe"]["message"])

    assert "refusals: " in cried["InteractionsSafe"]["message"]
    assert "flagged in 1 h (max 10" in cried["InteractionsSafe"]["message"]
    precision = measured["precision"]
    assert measured["suspended"]
    assert (precision["value"], precision["count"]) == (0, verdicts)
    assert 0 < precision["high"] < FLOOR
    message = found["InteractionsSafe"]["message"]
    assert f"{KIND} 1 is suspended: 0 % of its findings are right" in message
    assert f"n={verdicts} of 2 people" in message
    assert found["Healthy"]["reason"] != "RefusalsHigh"
    described = reviewed("describe", "llmmonitor", chat.NAME)
    assert "DetectorSuspended" in described
    assert SHUT not in described

    records = until(lambda: _with_suspension(reviewed), "the chain to have the suspension", 1 * MINUTES)
    [suspended] = [one for one in records if one["what"] == "Suspended"]
    people = {one["who"] for one in records if one["what"] == "Verdict"}
    assert "refusals" in json.dumps(suspended)
    assert people == {f"system:serviceaccount:{reviewed.namespace}:{person}" for person in PEOPLE}
    whole = llm_monitor(reviewed, "audit", chat.NAME)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    _turn_a_verdict_round(reviewed, answering)
    tampered = llm_monitor(reviewed, "audit", chat.NAME)
    assert tampered.returncode != 0
    assert "THE CHAIN IS NOT WHOLE" in tampered.stdout


def _gates_stay_shut(namespace: Kubectl, image: str) -> None:
    """Some chats, each of another client, and each answered by the rule of the house."""
    headers = [{"X-User": f"visitor {number}"} for number in range(A_TIME)]
    said = answers(namespace, image, *[saying(SHUT, GATE)] * A_TIME, headers=headers)
    assert {*said} == {SHUT}


def _all_wrong(namespace: Kubectl, person: str) -> int:
    """A person looks at all cases that wait, and calls each finding wrong; gives how many those were."""
    who = f"--as-service-account={namespace.namespace}/{person}"
    typed = "w that is a rule of the house\n" * 2 * A_TIME

    def judged() -> int:
        done = llm_monitor(namespace, "review", chat.NAME, f"--kind={KIND}", who, typed=typed)
        assert done.returncode == 0, done.stderr
        return done.stdout.count("taken: wrong")

    return until(judged, "cases to be drawn", 1 * MINUTES)


def _measured(namespace: Kubectl, verdicts: int) -> dict[str, Any]:
    """What is known of the detector once so many verdicts are; empty before."""
    reviewers = namespace.get(f"llmmonitor/{chat.NAME}")["status"].get("reviewers") or {}
    found = [one for one in reviewers.get("detectors") or () if one["detector"] == DETECTOR]
    return next((dict(one) for one in found if one["verdicts"] == verdicts), {})


def _with_suspension(namespace: Kubectl) -> list[dict[str, Any]]:
    made = llm_monitor(namespace, "audit", chat.NAME, "--json")
    records: list[dict[str, Any]] = json.loads(made.stdout)["records"] if not made.returncode else []
    return records if any(one["what"] == "Suspended" for one in records) else []


def _turn_a_verdict_round(namespace: Kubectl, release: Installed) -> None:
    """As an administrator may, by hand."""
    uid = namespace.get(f"llmmonitor/{chat.NAME}")["metadata"]["uid"]
    volume = release.kubectl.get(f"configmap/llm-monitor-audit-{uid}-0001")
    key = min(key for key, text in volume["data"].items() if "wrong: " in text)
    volume["data"][key] = volume["data"][key].replace("wrong: ", "right: ", 1)
    release.kubectl("replace", "--filename=-", document=volume)
