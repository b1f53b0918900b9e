"""Requests to a real model keep the owner's rules or break them: each rule is said with how many and what.

Both tests share one served model; each has rules of its own, by which the counts begin anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from e2e import chat
from e2e.asking import replies
from e2e.kubectl import Kubectl
from e2e.telling import tell
from e2e.waiting import condition, until

pytestmark = pytest.mark.busy
MINUTES = 60.0
SETTINGS: dict[str, Any] = {
    "interception": {"maxAddedLatency": "1s"},  # two cores beside a model that fills them
    "sampling": {"reportInterval": "5s"},
    "clearAfter": "1s",
}
RULES: dict[str, Any] = {
    "languages": ["en"],
    "roles": ["system", "user", "assistant"],
    "jsonSchema": {"required": ["model"]},
    "invalidSchemas": True,
    "contextOverflow": True,
    "unknownParameters": True,
}
ENGLISH = "What is the best way to get from the station to the old harbour on foot?"
GERMAN = "Wie komme ich am besten vom Bahnhof zu Fuß in die Altstadt, und ist das weit?"
MODEL = "smollm2-135m"
CONTEXT_TOKENS = 1024
FEWEST = 20
"""Requests that a share is judged by."""


def asking(text: str = ENGLISH, role: str = "user", **fields: Any) -> dict[str, Any]:
    """A chat of one message, answered by one token."""
    return {"model": MODEL, "max_tokens": 1, "messages": [{"role": role, "content": text}], **fields}


def with_tool(parameters: dict[str, Any]) -> dict[str, Any]:
    """The same with a tool."""
    tool = {"type": "function", "function": {"name": "route", "parameters": parameters}}
    return asking(tools=[tool], tool_choice="none")


NORMAL = [asking(), with_tool({"type": "object", "properties": {"to": {"type": "string"}}})]
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "languages": (asking(GERMAN), "de"),
    "roles": (asking(role="developer"), "developer"),
    "jsonSchema": ({key: value for key, value in asking().items() if key != "model"}, "/required"),
    "invalidSchemas": (with_tool({"type": 1}), "tools"),
    "contextOverflow": (asking("harbour " * (CONTEXT_TOKENS + 100)), "refused by the server"),
    "unknownParameters": (asking(guided_json={}), "guided_json"),
}
"""By the rule that is broken: a request, and what is told of it."""
TIMES = 4
"""Each is sent."""


def test_each_rule_that_requests_break_is_named_with_how_many(
    served: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    tell(served, **SETTINGS, requests=RULES)
    replies(served, model_image, *NORMAL * 12)
    until(lambda: _checked(served) == 24, "24 requests to be checked", 1 * MINUTES)
    valid = condition(served, chat.NAME, 1 * MINUTES, DataValid="RequestsValid")["DataValid"]

    came = replies(served, model_image, *[one for one, _ in BROKEN.values() for _ in range(TIMES)])
    until(lambda: _checked(served) == 48, "48 requests to be checked", 1 * MINUTES)
    found = condition(served, chat.NAME, 1 * MINUTES, DataValid="InvalidRequests")
    figure(f"before: {valid['message']}")
    figure(f"after: {found['DataValid']['message']}")

    assert valid["status"] == "True"
    assert "of 24 requests in 1 h (maxInvalidRate 1 %)" in valid["message"]
    refused = [said["error"]["type"] for status, said in came if status == 400]
    assert refused[:TIMES] == ["exceed_context_size_error"] * TIMES  # the engine's own
    message = found["DataValid"]["message"]
    assert "of 48 requests in 1 h (maxInvalidRate 1 %)" in message
    by_name = {one["name"]: one for one in _requests(served)["checks"]}
    assert by_name.keys() == BROKEN.keys()
    for rule, (_, detail) in BROKEN.items():
        assert (by_name[rule]["invalid"], by_name[rule]["mostly"]) == (TIMES, detail)
        assert f"{rule} {TIMES} of {by_name[rule]['checked']}, mostly {detail}" in message
    assert found["Healthy"]["reason"] != "InvalidRequests"  # it is advisory: the clients' fault
    described = served("describe", "llmmonitor", chat.NAME)
    assert "InvalidRequests" in described
    assert "Mostly:" in described
    for said in ("Altstadt", "harbour", "station"):
        assert said not in described


def test_another_rule_reaches_the_running_sidecar_and_counts_from_then_on(
    served: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    by_the_system = [asking(role="system")] * FEWEST
    tell(served, **SETTINGS, requests={"roles": ["user"]})
    replies(served, model_image, *by_the_system)
    until(lambda: _checked(served) == FEWEST, "these requests alone to be counted", 1 * MINUTES)
    refused = condition(served, chat.NAME, 1 * MINUTES, DataValid="InvalidRequests")["DataValid"]
    [before] = chat.pods(served)

    seconds = tell(served, **SETTINGS, requests={"roles": ["system", "user"]})
    replies(served, model_image, *by_the_system)
    allowed = condition(served, chat.NAME, 1 * MINUTES, DataValid="RequestsValid")["DataValid"]
    [after] = chat.pods(served)
    figure(f"another rule was in force after {seconds:.1f} s")

    assert f"roles {FEWEST} of {FEWEST}, mostly system" in refused["message"]
    assert f"of {FEWEST} requests" in allowed["message"]
    assert seconds < 30
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert _restarts(after) == _restarts(before)
    assert {*_restarts(after).values()} == {0}


def _requests(namespace: Kubectl) -> dict[str, Any]:
    status = namespace.get(f"llmmonitor/{chat.NAME}").get("status") or {}
    return dict(status.get("requests") or {})


def _checked(namespace: Kubectl) -> int:
    return int((_requests(namespace).get("invalid") or {}).get("count") or 0)


def _restarts(pod: dict[str, Any]) -> dict[str, int]:
    """How often each container of a pod was restarted, the sidecar included."""
    kinds = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    every = [one for kind in kinds for one in pod["status"].get(kind) or ()]
    found = {one["name"]: int(one["restartCount"]) for one in every}
    assert any(name.startswith("llm-monitor") for name in found), found
    return found
