"""From reports and pods to versions, an Event, a condition and figures: what an owner sees of a change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.conftest import ROOMY, Watch

from llmmonitor_api.conditions.event_reasons import MODEL_CHANGED
from llmmonitor_api.report.report import Engine
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.evaluate import Evaluation
from llmmonitor_operator.figures import NOTHING
from llmmonitor_operator.gather.accumulate import Happened, accumulate, added
from llmmonitor_operator.interaction_counts import flagged_key
from llmmonitor_operator.versions.history import HOURS_LIMIT, VERSIONS_LIMIT, History, Version, counted
from llmmonitor_operator.windows import Count

Make = Callable[..., Watch]
Said = Callable[[Evaluation, str], tuple[str, str, str]]
SMALL = Engine("llama.cpp", version="b6", model="chat", weights="parameters 134515008")
LARGE = Engine("llama.cpp", version="b6", model="chat", weights="parameters 268098176")


def changes(result: Evaluation) -> list[str]:
    return [one.message for one in result.transitions if one.reason == MODEL_CHANGED]


def versions(result: Evaluation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = result.status.get("versions", [])
    return found


def test_one_version_is_named_with_what_it_is_known_by(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = SMALL
    replica.serve(5)

    result = one.gather([replica])

    status, reason, message = said(result, "VersionsComparable")
    assert (status, reason) == ("Unknown", "OneVersion")
    assert "engine llama.cpp b6" in message
    assert changes(result) == []
    [version] = versions(result)
    assert version["pods"] == 1


def test_other_weights_behind_the_same_name_are_an_event_and_a_new_version(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = SMALL
    one.gather([replica])
    replica.serve(5)
    before = one.gather([replica])

    replica.engine = LARGE
    after = one.gather([replica])
    replica.serve(7)
    later = one.gather([replica])

    [text] = changes(after)
    assert "weights parameters 134515008 → parameters 268098176" in text
    assert "chat-0" in text
    assert changes(before) == changes(later) == []
    newest, oldest = versions(later)
    assert (newest["requests"], oldest["requests"]) == (7, 5)
    assert newest["comparedWith"] == oldest["name"] == versions(before)[0]["name"]
    assert newest["verdict"] == "Inconclusive"
    assert said(later, "VersionsComparable")[1] == "Inconclusive"
    assert one.state.versions.changed_at == one.now - 15


def test_other_files_of_weights_are_a_change_and_files_not_seen_are_none(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = SMALL
    said = []
    for files in ("", "1 file of 9 bytes, sample aa", "", "1 file of 9 bytes, sample bb"):
        replica.resources = msgspec.structs.replace(ROOMY, weight_files=files)
        said.append(changes(one.gather([replica])))

    assert said[:3] == [[], [], []]
    [text] = said[3]
    assert "weight files 1 file of 9 bytes, sample aa → 1 file of 9 bytes, sample bb" in text


def test_what_is_not_known_yet_begins_no_version(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = Engine("llama.cpp", model="chat")
    one.gather([replica])

    replica.engine = SMALL
    known = one.gather([replica])
    replica.engine = None
    silent = one.gather([replica])

    assert len(versions(known)) == len(versions(silent)) == 1
    assert versions(silent)[0]["pods"] == 1
    assert changes(known) == changes(silent) == []


def test_a_rolling_change_is_said_once_and_a_way_back_once_more(watch: Make) -> None:
    one = watch()
    pods = [one.replica(number) for number in range(3)]
    for pod in pods:
        pod.engine = SMALL
    one.gather(pods)
    told: list[str] = []

    for engine in (LARGE, SMALL):
        for pod in pods:
            pod.engine = engine
            told += changes(one.gather(pods))

    assert len(told) == 2
    assert one.state.versions.changes == 2
    assert len(one.state.versions.versions) == 2


def test_a_model_that_comes_back_from_zero_pods_as_another_has_changed(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = SMALL
    one.gather([replica])
    one.judge(3600)

    other = one.replica(7)
    starting = one.gather([other])
    other.engine = LARGE

    assert changes(starting) == []
    assert len(changes(one.gather([other]))) == 1


def test_versions_by_label_ignore_what_the_engine_says(watch: Make, said: Said) -> None:
    one = watch(versions={"by": "Label", "label": "version"})
    replica = one.replica()
    replica.engine = SMALL

    result = one.gather([replica])

    assert "no pod has the label version" in said(result, "VersionsComparable")[2]
    assert versions(result) == []


@pytest.mark.parametrize(("later", "reason"), [(0.0, "Inconclusive"), (0.4, "ConfoundedByTime")])
def test_one_after_the_other_is_compared_by_the_hour_and_never_blamed(
    watch: Make, said: Said, later: float, reason: str
) -> None:
    one = watch()
    replica = one.replica()
    for hour in range(20):
        replica.engine = SMALL if hour < 10 else LARGE
        replica.serve(100 + hour)
        replica.serve(round(200 * (later if hour >= 10 else 0)) + hour % 3, outcome="server_error")
        result = one.gather([replica], 3600)

    status, why, message = said(result, "VersionsComparable")

    assert (status, why) == ("Unknown", reason)
    assert ("may be the cause" in message) is (reason == "ConfoundedByTime")
    assert "errors" in message
    assert versions(result)[0]["verdict"] == reason


def test_versions_outlive_the_operator_and_are_bounded(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    for number in range(2 * VERSIONS_LIMIT):
        replica.engine = Engine("vLLM", version=str(number), model="chat")
        replica.serve(1)
        one.gather([replica])

    assert len(one.state.versions.versions) == VERSIONS_LIMIT
    restored = decode(encode(one.state).data)
    assert restored.versions == one.state.versions
    one.state = restored
    assert changes(one.gather([replica])) == []


def test_what_is_found_in_interactions_is_nothing_that_versions_are_compared_by(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = SMALL
    replica.serve(5)
    one.gather([replica])
    objective = next(iter(one.state.events_at))
    counts = {flagged_key("jailbreak"): Count(4, 1), objective: Count(5, 0)}

    happened = [Happened(one.now, one.now, NOTHING, counts, pod=replica.uid)]
    state = accumulate(one.state, happened, added(happened), one.now)

    [version] = state.versions.versions
    assert objective in version.hours
    assert flagged_key("jailbreak") not in version.hours
    assert state.count(flagged_key("jailbreak"), 3600.0) == Count(4, 1)


@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "c", "unknown"]),
        st.tuples(
            st.integers(0, 9),
            st.dictionaries(
                st.sampled_from(["errors", "first token"]),
                st.builds(Count, st.integers(0, 9), st.integers(0, 9)),
            ),
        ),
    )
)
def test_what_happened_on_some_pods_counts_as_if_they_came_one_by_one(
    happened: dict[str, tuple[int, dict[str, Count]]],
) -> None:
    hours = {"errors": {hour: Count(hour, 0) for hour in range(HOURS_LIMIT)}}
    before = History(
        versions=(Version("v1", {}, 0.0, 1.0, requests=3, hours=hours), Version("v2", {}, 1.0, 1.0)),
        running={"a": "v1", "b": "v2", "c": "v2", "unknown": "v3"},
    )
    now = 3600.0 * HOURS_LIMIT + 10

    one_by_one = before
    for pod, what in happened.items():
        one_by_one = counted(one_by_one, {pod: what}, now)

    assert counted(before, happened, now) == one_by_one
    assert all(len(cells) <= HOURS_LIMIT for one in one_by_one.versions for cells in one.hours.values())
