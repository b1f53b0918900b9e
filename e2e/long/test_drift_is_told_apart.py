"""Other requests, and other answers to the same ones: drift names what moved, and which of both it can tell.

The baseline is the real model's own traffic as an operator's checkpoint recorded it, drawn again for each
hour of eight days, and restored as an operator restores it. What is judged is live.
"""

from __future__ import annotations

import base64
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pytest
from e2e import chat
from e2e.chat import Users
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.waiting import condition, until

from llmmonitor_api.spec.drift import DriftFeature
from llmmonitor_operator.checkpoint import decode
from llmmonitor_operator.drift.baseline import Baseline, grown
from llmmonitor_operator.drift.judge import learn
from llmmonitor_operator.drift.kept import SCHEMA, encode
from llmmonitor_operator.drift.window import Window

MINUTES = 60.0
RECORDED = 400
"""Requests: as many as the windows of the baseline are drawn from."""
WINDOW = 500
UNJUDGED = 100_000
"""Requests: a window that stays open while it is recorded; a full one is judged and gone."""
HOURS = 8 * 24
SETTINGS: dict[str, Any] = {
    "interception": {"maxAddedLatency": "1s"},  # two cores beside a model that fills them
    "sampling": {"reportInterval": "5s"},
    "drift": {"window": WINDOW},
}
CHATTING = ("--users=2", "--tokens=8", "--prompt-words=16")
"""All alike: of two kinds the quicker one's share would change with the model, and be drift of the input."""
COMPLETING_CODE = ("--users=2", "--tokens=3", "--prompt-words=64")
"""Long prompts and short answers."""


@pytest.fixture(scope="module")
def recorded(product: Installed, model_image: str) -> Window:
    """What sidecars counted of chats with the real model: from the checkpoint of an operator that ended."""
    namespace = product.kubectl.within(f"e2e-{secrets.token_hex(4)}")
    namespace("create", "namespace", str(namespace.namespace))
    uid = _served(namespace, model_image, SETTINGS | {"drift": {"window": UNJUDGED}})
    users = _users(namespace, model_image, CHATTING)
    until(lambda: _seen(namespace) >= RECORDED, f"{RECORDED} chats to be counted", 5 * MINUTES)
    namespace("delete", f"pod/{users.name}", "--wait=true")
    with product.without_operator():
        kept = product.kubectl.get(f"configmap/llm-monitor-checkpoint-{uid}")["binaryData"]["state"]
    namespace("delete", "namespace", str(namespace.namespace), "--wait=false")
    window = decode(base64.b64decode(kept)).drift.open
    assert window.requests >= RECORDED
    return window


@pytest.fixture
def served(namespace: Kubectl, product: Installed, model_image: str, recorded: Window) -> Iterator[Kubectl]:
    """The same model with eight days of such chats behind it, as far as its new operator knows."""
    uid = _served(namespace, model_image)
    condition(namespace, chat.NAME, 3 * MINUTES, Intercepting="True")
    with product.without_operator():
        _write_baseline(product, namespace, uid, recorded)
    condition(namespace, chat.NAME, 3 * MINUTES, Intercepting="True")
    yield namespace
    namespace("delete", f"llmmonitor/{chat.NAME}", "--wait=false")


@pytest.mark.timeout(1500)
def test_code_among_chats_is_drift_of_the_input_by_name(
    served: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    _users(served, model_image, CHATTING)
    quiet = condition(served, chat.NAME, 6 * MINUTES, DriftFree="NoDrift")["DriftFree"]
    _users(served, model_image, COMPLETING_CODE)
    found = condition(served, chat.NAME, 12 * MINUTES, DriftFree="InputDrift")["DriftFree"]
    figure(f"before: {quiet['message']}")
    figure(f"after: {found['message']}")

    assert quiet["status"] == "True"
    assert found["status"] == "False"
    assert "PromptTokens PSI" in found["message"]
    assert "n=" in found["message"]
    assert "suspect the model" not in found["message"]
    assert "cannot tell" in found["message"] or "the input moved, the answers did not" in found["message"]
    by_name = {one["feature"]: one for one in served.get(f"llmmonitor/{chat.NAME}")["status"]["drift"]}
    assert by_name["PromptTokens"]["verdict"] == "Drift"
    assert by_name["PromptTokens"]["score"] > by_name["PromptTokens"]["threshold"]


@pytest.mark.timeout(1500)
def test_shorter_answers_to_the_same_chats_cast_suspicion_on_the_model(
    served: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    cut_short = chat.model(model_image)
    cut_short["spec"]["template"]["spec"]["containers"][0]["args"] += ["--reverse-prompt= "]  # one word
    served.apply(cut_short)
    served("rollout", "status", "deployment/chat", "--timeout=120s")

    _users(served, model_image, CHATTING)
    found = condition(served, chat.NAME, 12 * MINUTES, DriftFree="OutputDrift")["DriftFree"]
    figure(found["message"])

    assert found["status"] == "False"
    assert "CompletionTokensGivenInput PSI" in found["message"]
    assert "PromptTokens PSI" not in found["message"]
    assert "suspect the model" in found["message"]


def _served(namespace: Kubectl, image: str, settings: Mapping[str, Any] = SETTINGS) -> str:
    """Serve the model with a monitor; gives the monitor's UID."""
    namespace.apply(chat.monitor(**settings), chat.model(image), chat.service())
    namespace("rollout", "status", "deployment/chat", "--timeout=120s")
    condition(namespace, chat.NAME, 3 * MINUTES, Intercepting="True")
    return str(namespace.get(f"llmmonitor/{chat.NAME}")["metadata"]["uid"])


def _users(namespace: Kubectl, image: str, flags: tuple[str, ...]) -> Users:
    return Users(namespace, image, "--seconds=900", "--stream=0.5", *flags)


def _seen(namespace: Kubectl) -> int:
    status = namespace.get(f"llmmonitor/{chat.NAME}").get("status") or {}
    return int((status.get("window") or {}).get("requests") or 0)


def _write_baseline(product: Installed, namespace: Kubectl, uid: str, recorded: Window) -> None:
    """As an operator that ended just now would have left it."""
    data = base64.b64encode(encode(_baseline(recorded, time.time()))).decode()
    metadata = {
        "name": f"llm-monitor-checkpoint-{uid}-drift-{SCHEMA}",
        "labels": {"llmmonitor.io/checkpoint": "drift", "llmmonitor.io/kept": "llm-monitor"},
        "annotations": {
            "llmmonitor.io/monitor": f"{namespace.namespace}/{chat.NAME}",
            "llmmonitor.io/monitor-uid": uid,
        },
    }
    product.kubectl.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": {"baseline": data}}
    )


def _baseline(recorded: Window, end: float) -> Baseline:
    """Every hour a window of requests drawn from those that were recorded."""
    rng, baseline = random.Random(7), Baseline(window=WINDOW)
    for hours_ago in range(HOURS, 0, -1):
        baseline = grown(baseline, _drawn(recorded, end - 3600.0 * hours_ago, rng), usual=True)
    features = tuple(one.value for one in DriftFeature)
    return msgspec.structs.replace(baseline, learnt=learn(baseline, features))


def _drawn(recorded: Window, end: float, rng: random.Random) -> Window:
    strata = {
        (stratum, bucket): count
        for stratum, buckets in recorded.completions.items()
        for bucket, count in buckets.items()
    }
    completions: dict[int, dict[int, int]] = {}
    for (stratum, bucket), count in _sample(strata, rng).items():
        completions.setdefault(stratum, {})[bucket] = count
    return Window(
        begin=end - 600.0,
        end=end,
        requests=WINDOW,
        counts={name: _sample(buckets, rng) for name, buckets in recorded.counts.items()},
        completions=completions,
    )


def _sample(counts: Mapping[Any, int], rng: random.Random) -> dict[Any, int]:
    """A window's worth of requests."""
    result: dict[Any, int] = {}
    for one in rng.choices(list(counts), weights=list(counts.values()), k=WINDOW):
        result[one] = result.get(one, 0) + 1
    return result
