"""Another real model grades answers: its grades count as far as it agreed with people, and it may go away.

The judge is Gemma 3 270M, which is held to the form of a verdict by its server's grammar; which one it gives
is its own. The tests share both models and follow one another.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from e2e import chat
from e2e.chat import Users
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, conditions, until

pytestmark = pytest.mark.busy
MINUTES = 60.0
JUDGE = "judge"
SETTINGS: dict[str, Any] = {
    "interception": {"maxAddedLatency": "1s"},  # two cores beside a model that fills them
    "sampling": {"reportInterval": "5s"},
    "clearAfter": "1s",
}
RUBRIC, QUESTION = "The answer is polite.", "Where is my parcel?"
POLITE = {"name": "polite", "prompt": QUESTION, "expect": {"judged": RUBRIC}, "maxTokens": 24}
CAPITAL = {
    "name": "capital",
    "prompt": "What is the capital of France? Answer in one sentence.",
    "expect": {"contains": "Paris"},
}
GOOD = (
    "Let me look where it is for you.",
    "I am sorry for the wait; I will find out.",
    "Thank you for asking, it arrives on Monday.",
    "Of course, may I have your number, please?",
    "I would be glad to help you find it.",
    "Thank you for your patience, it is on its way.",
    "Please give me a moment, I will ask the driver.",
    "I am afraid it is late; we are very sorry.",
    "You are welcome to call us at any time.",
    "Good morning! It was left with your neighbour.",
)
BAD = (
    "No idea.",
    "Why do you ask me?",
    "Go away.",
    "Not my problem, you fool.",
    "Find it yourself.",
    "Stop bothering us.",
    "You should have ordered elsewhere, idiot.",
    "Who cares about your parcel?",
    "I said already that I do not know. Read!",
    "Shut up and wait.",
)
LABELLED = [
    {"name": f"{word}-{at}", "rubric": RUBRIC, "question": QUESTION, "answer": answer, "good": good}
    for word, good, answers in (("kind", True, GOOD), ("rude", False, BAD))
    for at, answer in enumerate(answers)
]


@pytest.fixture(scope="module")
def served(product: Installed, model_image: str) -> Iterator[Kubectl]:
    """The model, and beside it the one that judges."""
    name = f"e2e-{secrets.token_hex(4)}"
    kubectl = product.kubectl.within(name)
    kubectl("create", "namespace", name)
    kubectl.apply(chat.model(model_image), chat.service(), _judge(model_image), chat.service(JUDGE))
    kubectl("rollout", "status", "deployment/chat", "--timeout=180s")
    kubectl("rollout", "status", f"deployment/{JUDGE}", "--timeout=180s")
    yield kubectl
    kubectl("delete", "namespace", name, "--wait=false")


def test_a_judge_that_nobody_has_measured_decides_nothing(
    served: Kubectl, figure: Callable[[str], None]
) -> None:
    _ask(served, POLITE)
    found = condition(served, chat.NAME, 4 * MINUTES, QualityHealthy="JudgeNotTrusted")
    figure(found["QualityHealthy"]["message"])

    assert found["QualityHealthy"]["status"] == "Unknown"
    message = found["QualityHealthy"]["message"]
    assert "the judge graded 0 good and 0 bad answers that people judged; 10 of each are needed" in message
    assert "not judged by it: polite" in message
    assert "judgeAgreement" not in _quality(served)
    assert found["Healthy"]["reason"] != "JudgeNotTrusted"


def test_its_agreement_with_people_is_measured_and_decides_whether_it_counts(
    served: Kubectl, figure: Callable[[str], None]
) -> None:
    _ask(served, POLITE, labelled=LABELLED)
    until(lambda: _agreement(served).get("count") == len(LABELLED), "all to be graded", 6 * MINUTES)
    agreement, measured = _agreement(served), conditions(served, chat.NAME)["QualityHealthy"]
    figure(f"at least 75 %: {measured['message']}")

    assert agreement["low"] < agreement["value"] <= agreement["high"]
    trusted = agreement["low"] >= 0.75
    assert (measured["reason"] == "JudgeNotTrusted") == (not trusted)
    assert "of 10 good and 10 bad answers (at least 75 %)" in measured["message"]
    assert "Judge Agreement:" in served("describe", "llmmonitor", chat.NAME)

    _ask(served, POLITE, labelled=LABELLED, minAgreement="1%")  # the owner is content with less
    judged = until(lambda: _decided(served), "its grades to count", 2 * MINUTES)
    figure(f"at least 1 %: {judged['message']}")
    assert judged["reason"] in {"ProbesPass", "ProbeFailed"}
    assert _agreement(served) == agreement  # of the same round


def test_a_judge_that_is_gone_is_said_and_the_models_traffic_goes_on(
    served: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    served("scale", f"deployment/{JUDGE}", "--replicas=0")
    served("wait", "--for=delete", "pod", f"--selector=app={JUDGE}", "--timeout=60s")
    users = Users(served, model_image, "--seconds=20", "--users=1", "--tokens=8")

    _ask(served, POLITE, CAPITAL, labelled=LABELLED)
    said = until(lambda: _without_verdict(served), "the judge's absence to be said", 5 * MINUTES)
    seen = users.seen()
    figure(said["message"])

    assert (said["status"], said["reason"]) == ("True", "ProbesPass")  # what rules grade goes on
    assert "1 of 1 probe pass" in said["message"]
    assert (
        f"and {len(LABELLED) + 1 - 3} more" in said["message"]
    )  # of those without an answer, three are named
    assert "the judge graded 0 good and 0 bad answers that people judged" in said["message"]
    assert "judgeAgreement" not in _quality(served)
    assert seen["answered"] == seen["requests"] > 0
    assert seen["failed_connections"] == seen["broken_answers"] == seen["timed_out"] == 0


def _judge(image: str) -> dict[str, Any]:
    made = chat.model(image, name=JUDGE)
    [server] = made["spec"]["template"]["spec"]["containers"]
    server["args"] = ["--threads=1", "--parallel=1", "--alias=judge"]
    server["args"] += ['--grammar=root ::= "VERDICT: " ("GOOD" | "BAD")']
    server["env"] = [{"name": "LLAMA_ARG_MODEL", "value": "/weights/gemma3.gguf"}]
    return made


def _ask(namespace: Kubectl, *probes: dict[str, Any], **judge: Any) -> None:
    """Apply the monitor: these probes once, graded by the judge of this namespace."""
    address = namespace.get(f"service/{JUDGE}")["spec"]["clusterIP"]
    endpoint = {"url": f"http://{address}/v1", "model": JUDGE, **judge}
    quality = {"probes": list(probes), "judge": endpoint, "canaries": False}
    namespace.apply(chat.monitor(**SETTINGS, quality=quality))


def _quality(namespace: Kubectl) -> dict[str, Any]:
    status = namespace.get(f"llmmonitor/{chat.NAME}").get("status") or {}
    return dict(status.get("quality") or {})


def _agreement(namespace: Kubectl) -> dict[str, Any]:
    return dict(_quality(namespace).get("judgeAgreement") or {})


def _decided(namespace: Kubectl) -> dict[str, Any]:
    """QualityHealthy, once it is decided by grades; empty before."""
    found = conditions(namespace, chat.NAME)["QualityHealthy"]
    return found if found["status"] != "Unknown" else {}


def _without_verdict(namespace: Kubectl) -> dict[str, Any]:
    """QualityHealthy, once it says that the judge gave none; empty before."""
    found = conditions(namespace, chat.NAME)["QualityHealthy"]
    return found if "no verdict" in found["message"] else {}
