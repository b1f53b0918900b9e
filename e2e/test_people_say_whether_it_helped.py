"""What people make of a real model's answers: thumbs by the answer's id, and what they ask again on the wire.

The tests share one served model and follow one another; the last one restarts it for its token.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from e2e import chat
from e2e.asking import replies
from e2e.installed import Installed
from e2e.kubectl import Kubectl
from e2e.model_pods import API_PORT
from e2e.small_models import injected, read
from e2e.telling import tell
from e2e.waiting import condition, until

pytestmark = pytest.mark.busy
MINUTES = 60.0
SETTINGS: dict[str, Any] = {
    "interception": {"maxAddedLatency": "1s"},  # two cores beside a model that fills them
    "sampling": {"reportInterval": "5s"},
    "clearAfter": "1s",
}
TOKEN = "the-token-of-the-harbours-own-backend"  # noqa: S105 - of this test
QUESTION = "Please tell me the harbour fee of berth {} for one night"
IN_OTHER_WORDS = "Please tell me the harbour fee of berth {} for just one night"
ANOTHER = "Please tell me the opening hours of the office at berth {} on Sundays"


def chatting(*said: str) -> dict[str, Any]:
    """A conversation that user and assistant take turns in, answered by one token."""
    roles = ("user", "assistant")
    messages = [{"role": roles[turn % 2], "content": text} for turn, text in enumerate(said)]
    return {"model": "smollm2-135m", "max_tokens": 1, "messages": messages}


def test_what_people_ask_again_is_told_from_what_they_ask_next(
    served: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    tell(served, **SETTINGS, quality={"outcomes": {"maxRegenerated": "5%", "maxRephrased": "5%"}})
    asked_twice = [chatting(QUESTION.format(berth)) for berth in range(10, 22) for _ in range(2)]
    went_on = [
        chatting(QUESTION.format(berth), "Ten crowns.", (ANOTHER, IN_OTHER_WORDS)[berth % 2].format(berth))
        for berth in range(30, 50)
    ]

    replies(served, model_image, *asked_twice, *went_on)
    until(lambda: _share(served, "rephrased").get("count") == 20, "all to be compared", 1 * MINUTES)
    found = condition(served, chat.NAME, 1 * MINUTES, QualityHealthy="OutcomesPoor", Healthy="False")
    figure(found["QualityHealthy"]["message"])

    regenerated, rephrased = _share(served, "regenerated"), _share(served, "rephrased")
    assert round(regenerated["value"] * regenerated["count"]) == 12
    assert rephrased["value"] == 0.5
    assert rephrased["low"] < 0.5 < rephrased["high"]
    message = found["QualityHealthy"]["message"]
    assert f"of {regenerated['count']} (at most 5 %)" in message
    assert "rephrased 50 %" in message
    assert "of 20 (at most 5 %)" in message
    described = served("describe", "llmmonitor", chat.NAME)
    assert "OutcomesPoor" in described
    assert "harbour fee" not in described


def test_thumbs_down_are_poor_outcomes_until_people_think_better_of_it(
    served: Kubectl, model_image: str, figure: Callable[[str], None]
) -> None:
    tell(served, **SETTINGS, quality={"outcomes": {"minPositive": "80%"}})
    condition(served, chat.NAME, 1 * MINUTES, QualityHealthy="FewOutcomes")
    names = _asked(served, model_image, 24)
    given = [
        {"response_id": name, "label": ("negative", "positive")[at % 2]} for at, name in enumerate(names)
    ]

    said = _rated(served, model_image, *given)
    until(lambda: _share(served, "positiveFeedback").get("count") == 24, "all to be counted", 1 * MINUTES)
    poor = condition(served, chat.NAME, 1 * MINUTES, QualityHealthy="OutcomesPoor", Healthy="False")
    better = _rated(served, model_image, *({"response_id": name, "score": 0.9} for name in names[::2]))
    hold = condition(served, chat.NAME, 1 * MINUTES, QualityHealthy="OutcomesHold")["QualityHealthy"]
    figure(f"poor: {poor['QualityHealthy']['message']}")
    figure(f"better: {hold['message']}")

    assert [status for status, _ in said] == [200] * 24
    assert said[0] == (200, {"counted": "negative", "replaced": False})
    assert better == [(200, {"counted": "positive", "replaced": True})] * 12
    assert "positive feedback 50 % (" in poor["QualityHealthy"]["message"]
    assert "of 24 (at least 80 %)" in poor["QualityHealthy"]["message"]
    assert "answers rated" in poor["QualityHealthy"]["message"]
    assert hold["status"] == "True"
    assert "positive feedback 100 % (" in hold["message"]
    shown = served("get", "llmmonitor,events", "--output=yaml")
    assert not [name for name in names if name in shown]


def test_feedback_of_no_answer_of_this_model_is_refused(served: Kubectl, model_image: str) -> None:
    tell(served, **SETTINGS, quality={"outcomes": {}})
    [name] = _asked(served, model_image, 1)
    liked = {"label": "positive"}

    said = _rated(
        served,
        model_image,
        {"response_id": "chatcmpl-nobodys", **liked},
        {"response_id": name, **liked, "comment": "It told me the fee."},
        {"response_id": name, **liked, "score": 1},
        {"response_id": name, **liked},
    )
    tell(served, **SETTINGS)
    unset = _rated(served, model_image, {"response_id": name, **liked})

    reasons = [(status, body.get("error", {}).get("reason")) for status, body in said]
    assert reasons == [(404, "unknown_response"), (422, "invalid"), (422, "invalid"), (200, None)]
    assert "another replica" in said[0][1]["error"]["message"]
    assert [(status, body["error"]["reason"]) for status, body in unset] == [(403, "not_asked_for")]


def test_only_who_bears_the_owners_token_may_say_it(
    served: Kubectl, product: Installed, model_image: str
) -> None:
    served("create", "secret", "generic", "feedback", f"--from-literal=token={TOKEN}")
    auth = {"secretKeyRef": {"name": "feedback", "key": "token"}}
    tell(served, **SETTINGS, quality={"outcomes": {"feedbackAuth": auth}})
    [before] = _asked(served, model_image, 1)
    attached = _rated(served, model_image, _liked(before), token=TOKEN)

    until(lambda: "proved_image" in product.verdict(served.namespace), "the image to be proved", 2 * MINUTES)
    served("rollout", "restart", "deployment/chat")
    served("rollout", "status", "deployment/chat", "--timeout=180s")
    read(served, chat.NAME, 2 * MINUTES)
    [pod] = chat.pods(served)
    [name] = _asked(served, model_image, 1)
    strangers = _rated(served, model_image, _liked(name))
    guessed = _rated(served, model_image, _liked(name), token="another")  # noqa: S106 - a wrong one
    [ours, forgotten] = _rated(served, model_image, _liked(name), _liked(before), token=TOKEN)

    assert [(status, body["error"]["reason"]) for status, body in attached] == [(503, "no_token")]
    assert "restart the pod" in attached[0][1]["error"]["message"]
    assert injected(pod)
    assert [status for status, _ in (*strangers, *guessed)] == [401, 401]
    assert ours == (200, {"counted": "positive", "replaced": False})
    assert forgotten[0] == 404  # a sidecar that starts anew knows none of the earlier answers
    assert TOKEN not in served("get", "pods", f"--selector=app={chat.NAME}", "--output=yaml")
    assert TOKEN not in served("get", "llmmonitor,events", "--output=yaml")


def _liked(name: str) -> dict[str, str]:
    return {"response_id": name, "label": "positive"}


def _asked(namespace: Kubectl, image: str, times: int) -> list[str]:
    """The ids of so many answers, to questions that nobody has asked yet."""
    what = secrets.token_hex(4)
    said = replies(
        namespace, image, *(chatting(f"{ANOTHER.format(what)}, number {number}") for number in range(times))
    )
    assert [status for status, _ in said] == [200] * times
    return [str(body["id"]) for _, body in said]


def _rated(namespace: Kubectl, image: str, *given: dict[str, Any], token: str = "") -> list[tuple[int, Any]]:
    """What the sidecar says to feedback that another pod gives, as the application's backend would."""
    [pod] = chat.pods(namespace)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    to = f"{pod['status']['podIP']}:{API_PORT}", "/v1/feedback"
    return replies(namespace, image, *given, headers=headers, to=to)


def _share(namespace: Kubectl, outcome: str) -> dict[str, Any]:
    status = namespace.get(f"llmmonitor/{chat.NAME}").get("status") or {}
    return dict((status.get("quality") or {}).get(outcome) or {})
