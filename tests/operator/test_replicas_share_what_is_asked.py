from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from tests.operator.conftest import monitor_with

from llmmonitor_api.probe_plan import PLAN_BYTES_LIMIT, EndpointSetting
from llmmonitor_operator.configure import configuration_for, first_configuration
from llmmonitor_operator.probe_shares import ASKING_LIMIT, shares

PROBE = {"name": "sum", "prompt": "2+2?", "expect": {"number": {"value": 4}}}
DAY = 86_400.0


def test_every_replica_of_a_version_has_a_place_of_its_own() -> None:
    found = shares({"a": "1", "b": "1", "c": "1", "d": "2"}, 0.0)

    assert sorted(found[uid] for uid in "abc") == [(0, 3), (1, 3), (2, 3)]
    assert found["d"] == (0, 1)


def test_of_a_large_fleet_some_ask_and_others_the_next_day() -> None:
    fleet = {f"uid-{n}": "1" for n in range(100)}
    days = [shares(fleet, day * DAY) for day in range(60)]

    for one in days:
        assert Counter(of for _, of in one.values()) == {0: 100 - ASKING_LIMIT, ASKING_LIMIT: ASKING_LIMIT}
    assert {uid for one in days for uid, (_, of) in one.items() if of} == set(fleet)


def test_a_replica_that_comes_to_a_large_fleet_moves_few() -> None:
    fleet = {f"uid-{n}": "1" for n in range(100)}

    before, after = shares(fleet, 0.0), shares(fleet | {"uid-new": "1"}, 0.0)

    assert sum(before[uid][1] != after[uid][1] for uid in fleet) <= 1


def plan(**quality: Any) -> Any:
    return configuration_for(monitor_with(quality=quality)).probes


def test_a_plan_has_seconds_and_plain_numbers() -> None:
    probe = PROBE | {"expect": {"number": {"value": 4, "tolerance": "0.5"}, "maxLatency": "1500ms"}}

    one = plan(schedule="2h", probes=[probe], suites=["facts"], tokensPerDay="20k")

    assert (one.schedule_seconds, one.tokens_per_day, one.suites) == (7200.0, 20_000, ("facts",))
    expected = one.probes[0].expected
    assert (expected.number, expected.tolerance, expected.max_latency_seconds) == ("4", "0.5", 1.5)
    assert one.probes[0].messages[0].role == "user"


def test_a_plan_names_who_makes_embeddings_and_no_secret() -> None:
    auth = {"secretKeyRef": {"name": "embeddings-key", "key": "token"}, "header": "X-Key"}
    embeddings = {"url": "http://embed:8080/v1/", "model": "minilm", "auth": auth}
    probe = PROBE | {"expect": {"meansLike": {"text": "Four.", "atLeast": "75%"}}}

    one = plan(schedule="2h", probes=[probe], embeddings=embeddings)

    assert one.embeddings == EndpointSetting("http://embed:8080/v1", "minilm", "X-Key", credential=True)
    assert (one.probes[0].expected.means_like, one.probes[0].expected.means_at_least) == ("Four.", 0.75)
    assert "embeddings-key" not in msgspec.json.encode(one).decode()


def test_what_does_not_fit_is_left_out_and_counted() -> None:
    long = [PROBE | {"name": f"p{n}", "prompt": "x" * 16_000} for n in range(10)]

    one = plan(schedule="2h", probes=long)

    assert len(msgspec.json.encode(one)) <= PLAN_BYTES_LIMIT
    assert (len(one.probes), one.left_out) == (5, 5)


def test_a_sidecars_share_is_no_other_plan_and_another_question_is() -> None:
    one = plan(schedule="2h", probes=[PROBE])

    assert msgspec.structs.replace(one, index=3, of=7).digest == one.digest
    assert plan(schedule="2h", probes=[PROBE | {"prompt": "3+1?"}]).digest != one.digest


def test_a_pod_is_not_told_the_questions_in_its_environment() -> None:
    monitor = monitor_with(quality={"schedule": "1h", "probes": [PROBE]})

    assert "2+2" not in first_configuration(monitor)
    assert configuration_for(monitor).probes is not None
    assert configuration_for(monitor_with()).probes is None


@pytest.mark.parametrize("auth", [None, {"secretKeyRef": {"name": "key", "key": "token"}}])
def test_a_plan_says_whether_there_is_a_credential(auth: dict[str, Any] | None) -> None:
    assert plan(schedule="1h", probes=[PROBE], auth=auth).credential is (auth is not None)
