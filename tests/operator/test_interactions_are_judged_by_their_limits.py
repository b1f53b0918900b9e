"""InteractionsSafe: counts, rates and clients against their limits, and how a finding clears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.operator.conftest import Replica, Watch

from llmmonitor_api.conditions import Condition
from llmmonitor_api.interactions.kinds import KINDS
from llmmonitor_api.interactions.measured import FALSE_ALARMS_HIGH
from llmmonitor_api.report.interactions import (
    ClientsSeen,
    InteractionCounts,
    InteractionsState,
    KindCounts,
    finding_key,
)
from llmmonitor_operator import checkpoint
from llmmonitor_operator.review_kept import Batch, Judged, ReviewKept, Subject

HOUR, DAY = 3600.0, 86_400.0
CLIENTS = ClientsSeen(HOUR, clients=30, most_requests=40)


class Watched:
    """One replica that talks, and what is said of it a minute later."""

    def __init__(self, watch: Callable[..., Watch], limits: dict[str, Any]) -> None:
        self.watch = watch(interactions=limits)
        self.replica = self.watch.replica()
        self._looked_at = 0
        self._counts: dict[str, KindCounts] = {kind.name: KindCounts() for kind in KINDS}
        self.replica.totals.interactions = InteractionCounts(kinds=dict(self._counts))
        self.clients = CLIENTS
        self.others: list[Replica] = []
        self.evaluation = self.watch.judge()

    def is_older_than(self, kind: str) -> None:
        """As a sidecar of before `kind` was looked for."""
        del self._counts[kind]

    def talk(self, exchanges: int, after: float = 60.0, **found: int | tuple[int, int, int]) -> Condition:
        """`found` exchanges of them are flagged, by kind: or flagged, verified, and complied with."""
        self._looked_at += exchanges
        for name in [*self._counts, *(one for one in found if one not in self._counts)]:
            known = self._counts.get(name, KindCounts())
            given = found.get(name, 0)
            flagged, verified, complied = given if isinstance(given, tuple) else (given, given, 0)
            self._counts[name] = KindCounts(
                known.looked_at + exchanges,
                known.flagged + flagged,
                known.verified + verified,
                known.complied + complied,
            )
        self.replica.serve(exchanges)
        self.replica.totals.interactions = InteractionCounts(
            exchanges=self._looked_at,
            looked_at=self._looked_at,
            kinds=dict(self._counts),
            findings={finding_key("jailbreak", "injection-model", 1, "user"): 1},
        )
        self.replica.interactions = InteractionsState(clients=self.clients)
        self.evaluation = self.watch.gather([self.replica, *self.others], after)
        return next(one for one in self.evaluation.conditions if one.type == "InteractionsSafe")

    @property
    def status(self) -> list[dict[str, Any]]:
        """`status.interactions`."""
        found: list[dict[str, Any]] = self.evaluation.status.get("interactions", [])
        return found


@pytest.fixture
def watched(watch: Callable[..., Watch]) -> Callable[..., Watched]:
    return lambda **limits: Watched(watch, limits)


def test_without_limits_there_is_no_verdict_but_figures(watched: Callable[..., Watched]) -> None:
    monitor = watched()

    condition = monitor.talk(200, jailbreak=(4, 2, 1))

    assert (condition.status, condition.reason) == ("Unknown", "NotConfigured")
    [jailbreak] = monitor.status
    assert (jailbreak["kind"], jailbreak["findings"], jailbreak["complied"]) == ("jailbreak", 4, 1)
    assert jailbreak["flaggedRate"] == {"value": 0.02, "low": 0.0078, "high": 0.0503, "count": 200}
    assert "holds" not in jailbreak


def test_a_count_above_its_limit_is_said_with_number_limit_and_window(
    watched: Callable[..., Watched],
) -> None:
    monitor = watched(jailbreak={"max": 3})

    assert monitor.talk(200, jailbreak=3).reason == "WithinLimits"
    condition = monitor.talk(100, jailbreak=1)

    assert (condition.status, condition.reason) == ("False", "Jailbreak")
    assert condition.message == "jailbreak: 4 flagged in 1 h (max 3, n=300)"
    assert [(one["kind"], one["limit"], one["holds"]) for one in monitor.status] == [
        ("jailbreak", "max 3", False)
    ]


def test_zero_is_of_verified_findings_and_clears_a_day_after_the_last(
    watched: Callable[..., Watched],
) -> None:
    monitor = watched(piiExposed={"max": 0})

    assert monitor.talk(50, piiExposed=(2, 0, 0)).reason == "WithinLimits"
    condition = monitor.talk(50, piiExposed=(1, 1, 0))
    assert (condition.status, condition.reason) == ("False", "PIIExposed")
    assert "1 verified finding in 1 d (max 0), the last at 2027-" in condition.message

    later = monitor.talk(50, after=23 * HOUR)
    assert (later.status, later.reason) == ("False", "PIIExposed")
    assert "clears after 1 d" in later.message
    assert monitor.talk(50, after=HOUR).reason == "WithinLimits"


def test_a_finding_that_comes_while_one_clears_begins_the_day_anew(watched: Callable[..., Watched]) -> None:
    monitor = watched(secretsExposed={"max": 0})
    monitor.talk(50, secretsExposed=(1, 1, 0))

    monitor.talk(50, after=20 * HOUR, secretsExposed=(1, 1, 0))

    assert monitor.talk(50, after=20 * HOUR).reason == "SecretsExposed"
    assert monitor.talk(50, after=5 * HOUR).reason == "WithinLimits"


def test_silence_clears_nothing(watched: Callable[..., Watched]) -> None:
    monitor = watched(piiExposed={"max": 0})
    monitor.talk(50, piiExposed=(1, 1, 0))

    assert monitor.talk(0, after=3 * HOUR).reason == "PIIExposed"


def test_a_rate_is_exceeded_only_when_false_alarms_cannot_explain_it(
    watched: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FALSE_ALARMS_HIGH, "promptInjection", 0.02)
    monitor = watched(promptInjection={"maxRate": "1%"})

    assert monitor.talk(10, promptInjection=5).reason == "TooFewRequests"
    assert monitor.talk(990, promptInjection=25).reason == "WithinLimits"
    condition = monitor.talk(1000, promptInjection=120)

    assert condition.reason == "PromptInjection"
    words = condition.message.replace("\N{EN DASH}", "-")
    assert "flagged 7.5 % (6.4-8.7) of 2,000 in 1 h (maxRate 1 %; false alarms at most 2 %)" in words


def test_limits_per_client_need_clients_that_can_be_told_apart(watched: Callable[..., Watched]) -> None:
    monitor = watched(flood={"maxPerClient": 100}, jailbreak={"maxPerClient": 5})

    assert monitor.talk(200).reason == "WithinLimits"
    monitor.clients = ClientsSeen(HOUR, 30, 101, {"jailbreak": 6}, {"jailbreak": 12})
    condition = monitor.talk(200, jailbreak=20)
    assert condition.reason == "Jailbreak"
    assert "jailbreak: 6 findings of one client in 1 h at one replica (maxPerClient 5)" in condition.message
    assert "flood: 101 requests of one client" in condition.message
    assert next(one for one in monitor.status if one["kind"] == "jailbreak")["clients"] == 12

    other = watched(flood={"maxPerClient": 100})
    other.clients = ClientsSeen(HOUR, 1, 300)
    assert other.talk(300).reason == "ClientsNotDistinguishable"


def test_fewer_than_ten_clients_are_not_told(watched: Callable[..., Watched]) -> None:
    monitor = watched(jailbreak={"max": 5})
    monitor.clients = ClientsSeen(HOUR, 30, 40, {"jailbreak": 1}, {"jailbreak": 9})

    monitor.talk(100, jailbreak=2)

    assert "clients" not in monitor.status[0]


def test_toxic_answers_are_judged_by_their_limit_and_what_users_say_is_information(
    watched: Callable[..., Watched],
) -> None:
    monitor = watched(toxicity={"max": 3})

    assert monitor.talk(100, toxicity=3, toxicityReceived=50).reason == "WithinLimits"
    condition = monitor.talk(100, toxicity=1)

    assert (condition.status, condition.reason) == ("False", "Toxicity")
    assert "toxicity: 4 flagged in 1 h (max 3, n=200)" in condition.message


def test_what_re2_refuses_is_said(watched: Callable[..., Watched]) -> None:
    own = watched(patterns=[{"name": "ours", "pattern": "a+", "max": 3}])
    assert own.talk(100, **{"pattern:ours": 4}).reason == "PatternFound"


def test_the_worst_reason_stands_and_all_are_said(watched: Callable[..., Watched]) -> None:
    monitor = watched(refusals={"max": 1}, secretsExposed={"max": 0}, manyShot={"max": 1})

    condition = monitor.talk(100, refusals=5, secretsExposed=2, manyShot=9)

    assert condition.reason == "SecretsExposed"
    assert [part.partition(":")[0] for part in condition.message.split("; ")] == [
        "secretsExposed",
        "manyShot",
        "refusals",
    ]


def test_a_limit_taken_back_leaves_nothing_and_a_checkpoint_keeps_the_others(
    watched: Callable[..., Watched],
) -> None:
    monitor = watched(jailbreak={"max": 3}, piiExposed={"max": 0})
    monitor.talk(100, jailbreak=9, piiExposed=(1, 1, 0))

    state = checkpoint.decode(checkpoint.encode(monitor.watch.state).data)

    assert state.limited_kinds == ("jailbreak", "piiExposed")
    assert state.counts == monitor.watch.state.counts
    assert all(boot.interactions is None for pod in state.pods.values() for boot in pod.boots)


def test_nothing_but_numbers_is_kept() -> None:
    fields = msgspec.json.schema(InteractionCounts)["$defs"]

    assert {one["type"] for one in fields["KindCounts"]["properties"].values()} == {"integer"}


def judged(said: str, *subjects: Subject) -> ReviewKept:
    """Forty verdicts of two people on findings of each, one client's each: 10 of 1,000 exchanges a batch."""
    batches = tuple(
        Batch(str(n), 10, 1, 0.0, (Judged(said, n % 2, n),), "suspected", 1_000) for n in range(40)
    )
    return ReviewKept(("ada", "bob"), {one.key: batches for one in subjects}, 40)


def test_a_limit_whose_detector_people_found_imprecise_is_not_judged(watched: Callable[..., Watched]) -> None:
    monitor = watched(refusals={"maxRate": "1%"})
    review = judged("wrong", Subject("refusals", "refusals", 1))
    monitor.watch.state = msgspec.structs.replace(monitor.watch.state, review=review)

    condition = monitor.talk(300, refusals=200)

    assert (condition.status, condition.reason) == ("Unknown", "DetectorSuspended")
    assert "refusals 1 is suspended: 0 %" in condition.message
    assert "n=40 of 2 people" in condition.message
    [detector] = monitor.evaluation.status["reviewers"]["detectors"]
    assert (detector["suspended"], detector["precision"]["value"]) == (True, 0.0)
    assert detector["precision"]["high"] == pytest.approx(0.0881, abs=1e-4)


def test_a_suspension_is_said_once_when_it_begins_and_once_when_it_ends(
    watched: Callable[..., Watched],
) -> None:
    monitor = watched(refusals={"maxRate": "1%"}, piiExposed={"max": 3})
    subject = Subject("refusals", "refusals", 1)

    def events(review: ReviewKept) -> list[tuple[str, str, str]]:
        state = monitor.watch.state
        review = msgspec.structs.replace(review, suspended=state.review.suspended)
        monitor.watch.state = msgspec.structs.replace(state, review=review)
        monitor.talk(300)
        monitor.watch.state = checkpoint.decode(checkpoint.encode(monitor.watch.state).data)
        made = monitor.evaluation.transitions
        return [(one.type, one.reason, one.message) for one in made if "Detector" in one.reason]

    assert events(judged("right", subject)) == []
    [(kind, reason, message)] = events(judged("wrong", subject))
    assert (kind, reason) == ("Warning", "DetectorSuspended")
    assert "refusals is not judged by it: refusals 1 is suspended: 0 %" in message
    assert "n=40 of 2 people" in message
    assert events(judged("wrong", subject)) == []
    [(kind, reason, message)] = events(judged("right", subject))
    assert (kind, reason) == ("Normal", "DetectorResumed")
    assert "refusals is judged by refusals 1 again: 100 % of its findings are right" in message
    assert events(judged("right", subject)) == []


def test_a_rate_is_judged_by_the_false_alarms_that_verdicts_allow_for(
    watched: Callable[..., Watched],
) -> None:
    assert watched(promptInjection={"maxRate": "1%"}).talk(1_000, promptInjection=40).reason == "WithinLimits"

    monitor = watched(promptInjection={"maxRate": "1%"})
    detectors = (Subject("promptInjection", f"injection-{one}", 1) for one in ("rules", "model"))
    review = judged("right", *detectors)
    monitor.watch.state = msgspec.structs.replace(monitor.watch.state, review=review)
    condition = monitor.talk(1_000, promptInjection=40)

    assert condition.reason == "PromptInjection"
    assert "by your verdicts" in condition.message


def test_a_detector_that_no_sidecar_has_yet_is_not_judged(watched: Callable[..., Watched]) -> None:
    monitor = watched(toxicity={"maxRate": "1%"})
    monitor.is_older_than("toxicity")

    condition = monitor.talk(300)

    assert (condition.status, condition.reason) == ("Unknown", "NotVisible")
    assert condition.message == "not judged: toxicity (1 pod's sidecar is older than this detector (chat-0))"
    assert "holds" not in monitor.status[0]


def test_of_sidecars_some_of_which_are_older_the_others_are_judged(watched: Callable[..., Watched]) -> None:
    monitor = watched(toxicity={"maxRate": "50%"}, refusals={"max": 9})
    monitor.is_older_than("toxicity")
    newer = monitor.watch.replica(1)
    newer.serve(100)
    kinds = {kind.name: KindCounts(100, 4, 0, 0) for kind in KINDS}
    newer.totals.interactions = InteractionCounts(exchanges=100, looked_at=100, kinds=kinds)
    monitor.others = [newer]

    condition = monitor.talk(300)

    assert condition.reason == "WithinLimits"
    older = "not judged: 1 pod's sidecar is older than this detector (chat-0)"
    assert f"toxicity 4 of 100 (maxRate 50%), {older}" in condition.message
    assert "refusals 4 of 400 (max 9)" in condition.message
