"""Whatever is sent and whatever breaks inside: `allowed: true`, soon, and said."""

from __future__ import annotations

import asyncio
import copy
import io
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.conftest import monitor_with
from tests.operator.webhook.conftest import Client, Cluster, review

from llmmonitor_operator.admit.decide import Surroundings
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.webhook import admitter as admitters
from llmmonitor_operator.webhook.admitter import Admitter, Body, Decide
from llmmonitor_operator.webhook.apps import Draining, make_mutate_app
from llmmonitor_operator.webhook.metrics import WebhookMetrics
from llmmonitor_operator.webhook.outcome import Outcome, Result
from llmmonitor_operator.webhook.review import WARNING_LIMIT, answer

UID = review()["request"]["uid"]
WHOLE = json.dumps(review()).encode()


def around(_namespace: str) -> Surroundings:
    return Surroundings(namespace={}, monitors=(monitor_with(),), common=None, verdict=None, fresh=False)


@asynccontextmanager
async def deciding(decide: Decide, **settings: Any) -> AsyncIterator[Admitter]:
    admitter = Admitter(around, decide, WebhookMetrics(), **settings)
    try:
        yield admitter
    finally:
        admitter.close()


def sent(data: bytes, *, whole: bool = True) -> Callable[[], Any]:
    async def receive() -> Body:
        return Body(data, whole=whole)

    return receive


def response(answered: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answered)["response"]
    assert found["allowed"] is True
    return found


def patched(_pod: Raw, _around: Surroundings) -> Outcome:
    return Outcome(Result.INJECTED, "injected", patch=({"op": "test", "path": "/spec"},))


async def test_a_decision_that_fails_lets_the_pod_through_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_pod: Raw, _around: Surroundings) -> Outcome:
        raise KeyError("spec")

    async with deciding(fail) as admitter:
        answered = response(await admitter.answer(sent(WHOLE)))

    assert answered["uid"] == UID
    assert "patch" not in answered
    assert "KeyError: 'spec'" in answered["warnings"][0]
    assert "Traceback" in caplog.text


async def test_a_decision_that_takes_too_long_is_not_waited_for() -> None:
    release = threading.Event()

    def wait(pod: Raw, surroundings: Surroundings) -> Outcome:
        release.wait(10)
        return patched(pod, surroundings)

    async with deciding(wait, deadline_seconds=0.05) as admitter:
        answered = response(await admitter.answer(sent(WHOLE)))
        stuck = admitter.stuck_seconds
        release.set()

    assert answered["uid"] == UID
    assert "patch" not in answered
    assert "more than 0.05 s" in answered["warnings"][0]
    assert stuck > 0


async def test_with_every_thread_stuck_each_answer_still_comes() -> None:
    release = threading.Event()

    def wait(pod: Raw, surroundings: Surroundings) -> Outcome:
        release.wait(10)
        return patched(pod, surroundings)

    async with deciding(wait, deadline_seconds=0.05) as admitter:
        answers = await asyncio.gather(*(admitter.answer(sent(WHOLE)) for _ in range(20)))
        release.set()

    assert [response(one)["uid"] for one in answers] == [UID] * 20


async def test_too_many_at_a_time_are_let_through_at_once() -> None:
    release = asyncio.Event()

    async def slowly() -> Body:
        await release.wait()
        return Body(WHOLE, whole=True)

    async with deciding(patched) as admitter:
        waiting = [asyncio.create_task(admitter.answer(slowly)) for _ in range(admitters.REQUESTS_LIMIT)]
        await asyncio.sleep(0)
        too_many = response(await admitter.answer(sent(WHOLE)))
        release.set()
        others = [response(await one) for one in waiting]

    assert "64 pods are being decided about already" in too_many["warnings"][0]
    assert all("patch" in one for one in others)


async def test_a_body_that_does_not_end_is_not_waited_for() -> None:
    async def never() -> Body:
        await asyncio.Event().wait()
        raise AssertionError

    async with deciding(patched, deadline_seconds=0.05) as admitter:
        assert "patch" not in response(await admitter.answer(never))


async def test_of_a_body_that_is_too_long_the_uid_is_repeated() -> None:
    async with deciding(patched) as admitter:
        answered = response(await admitter.answer(sent(WHOLE[:2000], whole=False)))

    assert answered["uid"] == UID
    assert "longer than 1 MiB" in answered["warnings"][0]


@given(st.binary(max_size=300) | st.integers(0, len(WHOLE)).map(lambda end: WHOLE[:end]))
async def test_any_bytes_are_answered(body: bytes) -> None:
    async with deciding(patched) as admitter:
        response(await admitter.answer(sent(body)))


anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
)


@given(
    st.sampled_from(["kind", "object", "namespace", "operation", "subResource", "uid"]),
    anything,
    st.sampled_from(["metadata", "spec", ""]),
)
async def test_any_json_is_answered(field: str, value: Any, within: str) -> None:
    document = review(**{field: value})
    if within and isinstance(document["request"]["object"], dict):
        document["request"]["object"][within] = copy.deepcopy(value)
    async with deciding(patched) as admitter:
        response(await admitter.answer(sent(json.dumps(document).encode())))


async def test_json_nested_without_end_is_answered() -> None:
    async with deciding(patched) as admitter:
        answered = response(
            await admitter.answer(sent(b'{"request":{"uid":"u-1","object":' + b"[" * 100_000))
        )

    assert answered["uid"] == "u-1"


async def test_each_decision_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async with deciding(patched) as admitter:
        await admitter.answer(sent(WHOLE))

    (line,) = [record.getMessage() for record in caplog.records if "pod=" in record.getMessage()]
    assert line.startswith("injected pod=prod/chat-6c877dc79f-* reason=injected milliseconds=")


def test_a_warning_is_one_line_that_fits_a_header() -> None:
    document = msgspec.json.decode(answer("u", (), "", "two\nlines\x00 " + "x" * 5000))

    (warning,) = document["response"]["warnings"]
    assert warning.startswith("two lines  x")
    assert len(warning) == WARNING_LIMIT


async def test_over_https_a_huge_body_is_answered_and_the_next_call_works(
    client: Client, cluster: Cluster
) -> None:
    cluster.complete()
    await client.until_ready()
    document = review()
    document["request"]["object"]["metadata"]["annotations"] = {"a": "x" * (7 * 1024 * 1024)}

    huge = await client.ask(document)
    next_one = await client.ask(review())

    assert huge["uid"] == UID
    assert "longer than 1 MiB" in huge["warnings"][0]
    assert "patch" in next_one


async def test_over_https_what_is_no_review_is_answered(client: Client) -> None:
    for body in (b"", b"garbage", b"{}", b"[1]", b'{"apiVersion":"admission.k8s.io/v1beta1"}'):
        assert "starts unmonitored" in (await client.ask(body))["warnings"][0]


async def test_over_https_what_cannot_be_unpacked_is_answered_and_no_error_of_ours(
    client: Client, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.complete()
    await client.until_ready()
    caplog.clear()

    for coding in ("gzip", "deflate"):
        status, answered = await client.post(b"garbage", headers={"Content-Encoding": coding})
        assert status == 200
        assert "starts unmonitored: " in response(answered)["warnings"][0]

    assert "Traceback" not in caplog.text
    assert "patch" in await client.ask(review())
    metrics = (await client.get("/metrics"))[1]
    assert 'llm_monitor_webhook_answers_total{reason="Unreadable",result="failed"} 2.0' in metrics


async def test_a_body_that_the_server_cannot_read_is_unreadable_and_no_error_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with deciding(patched) as admitter:
        server = TestServer(make_mutate_app(admitter, Draining()))  # which unpacks what it gets
        async with TestClient(server) as session:
            packed = {"Content-Encoding": "gzip"}
            async with session.post("/mutate", data=io.BytesIO(b"garbage"), headers=packed) as sent_back:
                answered = response(await sent_back.read())

    assert "starts unmonitored: the request's body cannot be read" in answered["warnings"][0]
    assert not [one for one in caplog.records if one.exc_info and one.name.startswith("llmmonitor")]


async def test_other_paths_are_not_served(client: Client) -> None:
    assert (await client.post(WHOLE, "/validate"))[0] == 404
    assert (await client.get("/mutate"))[0] == 404
