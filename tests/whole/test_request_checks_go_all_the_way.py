"""From bytes on a wire to DataValid, status, metrics and a new version's fresh counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import Metric
from tests.operator.conftest import NO_CLUSTER, START, monitor_with

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import Engine, Identity, InterceptionState, Live, Report, decode, encode
from llmmonitor_api.signing import document as signing
from llmmonitor_api.spec.json_value import BYTES_LIMIT
from llmmonitor_operator.checkpoint import decode as restored
from llmmonitor_operator.checkpoint import encode as kept
from llmmonitor_operator.configure import configuration_for, first_configuration
from llmmonitor_operator.evaluate import Evaluation, evaluate
from llmmonitor_operator.gather.absorb import absorb_all
from llmmonitor_operator.reconcile.metrics.monitor_families import Shown, families
from llmmonitor_operator.reconcile.metrics.running_totals import RunningTotals
from llmmonitor_operator.state import State
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.endpoints.metrics.families import families as sidecar_families
from llmmonitor_sidecar.signals.judgements import Sample
from llmmonitor_sidecar.signals.request_checks import BODY_BYTES_LIMIT, ROOM_BYTES, WAITING_LIMIT
from llmmonitor_sidecar.tee import REQUEST, RESPONSE, CloseReason, Kind, TeeRecord

EXCHANGES = Path(__file__).parents[1] / "sidecar" / "fixtures" / "exchanges"
SECOND = 1_000_000_000
ENGLISH = "What is the best way to get from the station to the old harbour on foot?"
GERMAN = "Wie komme ich am besten vom Bahnhof zu Fuß in die Altstadt, und ist das weit?"
CANARY = "the-canary-is-yellow"
ALL = {
    "languages": ["en"],
    "roles": ["system", "user", "assistant"],
    "jsonSchema": {"required": ["model"]},
    "invalidSchemas": True,
    "contextOverflow": True,
    "unknownParameters": True,
}
ENGINE = Engine("LlamaCpp", version="b6", model="chat", weights="parameters 5", context_tokens=2048)


def http(**body: Any) -> bytes:
    content = json.dumps({"model": "chat", **body}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def answer(prompt_tokens: int = 20) -> bytes:
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 3, "total_tokens": prompt_tokens + 3}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": CANARY}}
    content = json.dumps({"model": "chat", "choices": [choice], "usage": usage}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def user(text: str, **more: Any) -> bytes:
    return http(messages=[{"role": "user", "content": text}], **more)


class Pod:
    """One sidecar that reads, and an operator that judges."""

    def __init__(self, **requests: Any) -> None:
        self.monitor = monitor_with(requests=requests)
        self.reader, self.state, self.now = TrafficReader(), State(), START
        self.engine, self.totals = ENGINE, RunningTotals()
        self.uid, self._connections, self._reports = "uid", 0, 0
        self.reader.configure(configuration_for(self.monitor))

    def exchange(
        self, request: bytes, response: bytes = b"", times: int = 1, *, all_wait: bool = False
    ) -> None:
        self.reader.sample(Sample(self.engine, model_listening=True, tokens_per_second=None), SECOND)
        for _ in range(times):
            self._connections += 1
            n = self._connections
            self.reader.take(
                [
                    TeeRecord(Kind.OPEN, n, REQUEST, SECOND, b""),
                    TeeRecord(Kind.DATA, n, REQUEST, SECOND, request),
                    TeeRecord(Kind.DATA, n, RESPONSE, 2 * SECOND, response or answer()),
                    TeeRecord(Kind.CLOSE, n, REQUEST, 2 * SECOND, CloseReason.EOF),
                ]
            )
            while not all_wait and self.reader.inspect():
                pass

    def report(self) -> Report:
        self._reports += 1
        identity = Identity(self.uid, "chat-0", f"boot-{self.uid}", START, self._reports, "0.1.0", 1)
        path = InterceptionState("transparent", reading=True)
        made = Report(
            identity, self.now, self.now - START, self.reader.totals, Live(), path, engine=self.engine
        )
        return decode(encode(made))

    def judged(self, seconds: float = 60.0) -> Evaluation:
        self.now += seconds
        self.state, happened = absorb_all(self.state, {self.uid: self.report()}, self.now)
        result = evaluate(self.monitor, self.state, self.now, NO_CLUSTER)
        self.totals = self.totals.after(happened, ())
        self.state = result.state
        return result

    def said(self, seconds: float = 60.0) -> tuple[str, str, str]:
        result = self.judged(seconds)
        (one,) = (one for one in result.conditions if one.type == "DataValid")
        return str(one.status), one.reason, one.message.replace("\N{EN DASH}", "-")


def samples(all_families: Any, name: str) -> dict[tuple[str, ...], float]:
    found: list[Metric] = [one for one in all_families if one.name == name]
    return {
        tuple(
            value for label, value in sample.labels.items() if label not in {"namespace", "monitor"}
        ): sample.value
        for one in found
        for sample in one.samples
    }


def test_nothing_is_checked_where_nothing_is_asked_for() -> None:
    pod = Pod()

    pod.exchange(user(GERMAN), times=30)

    assert pod.said()[:2] == ("Unknown", "NotConfigured")
    assert pod.reader.totals.requests.exchanges == 0


def test_requests_that_pass_every_check_are_valid_with_number_limit_and_window() -> None:
    pod = Pod(**ALL)

    pod.exchange(user(ENGLISH, max_tokens=100), times=40)
    status, reason, message = pod.said()

    assert (status, reason) == ("True", "RequestsValid")
    assert message.startswith("invalid 0 % (0-8.8) of 40 requests in 1 h (maxInvalidRate 1 %)")
    assert "could be made of no request: invalidSchemas" in message


BREAKS: dict[str, tuple[bytes, bytes, str]] = {
    "languages": (user(GERMAN), b"", "mostly de"),
    "roles": (http(messages=[{"role": "tool", "content": CANARY}]), b"", "mostly tool"),
    "jsonSchema": (user(ENGLISH, model=None).replace(b'"model"', b'"mode1"'), b"", "mostly /required"),
    "invalidSchemas": (
        user(ENGLISH, tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": 1}}}]),
        b"",
        "mostly tools",
    ),
    "contextOverflow": (user(ENGLISH, max_tokens=2040), b"", "mostly maximum of tokens"),
    "unknownParameters": (user(ENGLISH, guided_json={}), b"", "mostly guided_json"),
}


@pytest.mark.parametrize("check", BREAKS)
def test_each_check_is_named_with_how_many_of_how_many(check: str) -> None:
    pod = Pod(**{check: ALL[check]})
    request, response, words = BREAKS[check]

    pod.exchange(user(ENGLISH, max_tokens=5), times=30)
    pod.exchange(request, response, times=10)
    status, reason, message = pod.said()

    assert (status, reason) == ("False", "InvalidRequests")
    whole = 10 if check == "invalidSchemas" else 40
    assert (
        f"invalid 25 % (14-40) of 40 requests in 1 h (maxInvalidRate 1 %): {check} 10 of {whole}" in message
    )
    assert words in message
    assert CANARY not in message


def test_the_engines_own_refusal_of_a_prompt_that_is_too_long_counts() -> None:
    request, response = (
        (EXCHANGES / f"llamacpp_error_context.{side}").read_bytes() for side in ("request", "response")
    )
    pod = Pod(contextOverflow=True)

    pod.exchange(user(ENGLISH), times=20)
    pod.exchange(request, response, times=5)

    assert "contextOverflow 5 of 25, mostly refused by the server" in pod.said()[2]


def test_status_metrics_and_checkpoint_have_the_same_figures_and_no_text() -> None:
    pod = Pod(roles=["user"])
    pod.exchange(user(ENGLISH), times=30)
    pod.exchange(http(messages=[{"role": CANARY, "content": CANARY}]), times=10)

    result = pod.judged()
    status = result.status["requests"]
    operators = samples(families({("prod", "chat"): Shown(pod.totals)}), "llm_monitor_request_checks")
    sidecars = samples(sidecar_families(pod.report(), {}), "llm_monitor_request_checks")

    assert status["invalid"] == {"value": 0.25, "low": 0.142, "high": 0.402, "count": 40}
    assert status["checks"] == [{"name": "roles", "invalid": 10, "checked": 40, "mostly": "other"}]
    assert operators == sidecars
    assert operators["roles", "invalid"] == operators["any", "invalid"] == 10
    pod.state = restored(kept(pod.state).data)
    pod.exchange(user(ENGLISH), times=10)
    assert "of 50 requests" in pod.said()[2]
    everything = encode(pod.report()) + kept(pod.state).data + json.dumps(result.status).encode()
    assert CANARY.encode() not in everything


def test_another_version_of_the_model_begins_the_counts_anew() -> None:
    pod = Pod(roles=["user"], maxInvalidRate="5%")
    pod.exchange(http(messages=[{"role": "tool", "content": "x"}]), times=40)
    assert pod.said()[1] == "InvalidRequests"

    pod.engine = msgspec.structs.replace(ENGINE, weights="parameters 7")
    changed = pod.judged()
    status, reason, message = pod.said(0)

    assert [one.reason for one in changed.transitions if one.reason == "ModelChanged"]
    assert (status, reason) == ("Unknown", "NoTraffic")
    assert "no request was checked in 1 h to version" in message
    pod.exchange(user(ENGLISH), times=80)
    status, reason, message = pod.said()
    assert (status, reason) == ("True", "RequestsValid")
    assert "of 80 requests in 1 h (maxInvalidRate 5 %) to version" in message


def test_other_checks_begin_the_counts_anew_too() -> None:
    pod = Pod(roles=["user"])
    pod.exchange(http(messages=[{"role": "tool", "content": "x"}]), times=40)
    assert pod.said()[1] == "InvalidRequests"

    pod.monitor = monitor_with(requests={"roles": ["user", "tool"]})
    pod.reader.configure(configuration_for(pod.monitor))
    pod.exchange(http(messages=[{"role": "tool", "content": "x"}]), times=40)

    assert "invalid 0 % (0-8.8) of 40 requests" in pod.said(600)[2]


def test_a_sidecar_that_was_not_told_yet_is_said() -> None:
    pod = Pod(roles=["user"])
    pod.reader = TrafficReader()
    pod.exchange(user(ENGLISH), times=30)

    status, reason, message = pod.said()

    assert (status, reason) == ("Unknown", "NotVisible")
    assert "not checked by the sidecars of chat-0" in message


PATTERNS = [{"name": f"p{n}", "pattern": "\N{GRINNING FACE}" * 512, "max": 1} for n in range(20)]


@pytest.mark.parametrize(("characters", "checks"), [(10, 1), (65_000, 0)])
def test_a_sidecar_checks_from_its_first_request_on_unless_the_schema_is_too_long_for_that(
    characters: int, checks: int
) -> None:
    schema = {"description": "x" * characters}
    monitor = monitor_with(requests={"jsonSchema": schema}, interactions={"patterns": PATTERNS})

    first = msgspec.json.decode(first_configuration(monitor), type=Configuration)

    assert (first.requests is not None) == checks
    assert configuration_for(monitor).requests is not None


@pytest.mark.parametrize("roles", [[], ["user"]])
def test_bodies_too_large_for_the_schema_are_said_and_not_judged_by_it(roles: list[str]) -> None:
    schema = {"properties": {"messages": {"items": {"required": ["role"]}}}}
    pod = Pod(jsonSchema=schema, roles=roles)
    pod.exchange(user(ENGLISH), times=30)
    pod.judged()

    pod.exchange(http(messages=[{"role": "user", "content": ""}] * 3_000), times=3)
    result = pod.judged()
    [message] = [one.message for one in result.conditions if one.type == "DataValid"]

    counts = pod.reader.totals.requests
    assert (counts.exchanges, counts.valid, counts.invalid) == (33, 33 if roles else 30, 0)
    assert "jsonSchema not judged: too large (3)" in message
    assert result.status["requests"]["tooLarge"] == 3
    too_large = {("jsonSchema", "too_large"): 3}
    of_sidecar = samples(sidecar_families(pod.report(), {}), "llm_monitor_request_checks")
    assert too_large.items() <= of_sidecar.items()
    shown = {("default", "chat"): Shown(pod.totals)}
    assert too_large.items() <= samples(families(shown), "llm_monitor_request_checks").items()


def test_the_longest_that_a_spec_may_be_is_sent() -> None:
    """A schema without a limit kept the document, and so every other change, from the sidecars."""
    schema = {"description": "x" * (BYTES_LIMIT - 20)}
    probe = {"prompt": "x" * 16_000, "expect": {"contains": "x"}}
    monitor = monitor_with(
        requests={"jsonSchema": schema},
        interactions={"patterns": PATTERNS},
        quality={"schedule": "1h", "probes": [{**probe, "name": f"p{n}"} for n in range(50)]},
    )

    document = signing.sign_configuration(
        configuration_for(monitor), Ed25519PrivateKey.generate(), "uid", 0.0
    )

    assert len(document) < signing.BYTES_LIMIT


def test_few_requests_make_no_share() -> None:
    pod = Pod(roles=["user"])
    pod.exchange(http(messages=[{"role": "tool", "content": "x"}]), times=3)

    status, reason, message = pod.said()

    assert (status, reason) == ("Unknown", "TooFewRequests")
    assert "n=3 in 1 h, a share needs 20" in message


@pytest.mark.parametrize(
    ("text", "waiting", "checked"),
    [
        (ENGLISH, 3 * WAITING_LIMIT, WAITING_LIMIT),
        ("x" * (BODY_BYTES_LIMIT + 1), 3, 0),
        ("x " * (BODY_BYTES_LIMIT // 4), 60, ROOM_BYTES // (BODY_BYTES_LIMIT // 2 + 100)),
    ],
)
def test_what_there_is_no_room_for_is_said_to_be_unchecked(text: str, waiting: int, checked: int) -> None:
    pod = Pod(roles=["user"])

    pod.exchange(user(text), times=waiting, all_wait=True)
    while pod.reader.inspect():
        pass

    counts = pod.reader.totals.requests
    assert (counts.exchanges, counts.valid) == (waiting, checked)
    assert samples(sidecar_families(pod.report(), {}), "llm_monitor_requests_unchecked") == {
        (): waiting - checked
    }
