"""Two versions that run side by side: from what sidecars say of clients to condition, status and metrics."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest
from tests.operator.conftest import Replica, Watch

from llmmonitor_api.report.clients import MINUTES_SECONDS, ClientMet, Clients
from llmmonitor_api.report.report import Engine
from llmmonitor_api.report.totals import objective_key
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.evaluate import Evaluation
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics

Make = Callable[..., Watch]
Said = Callable[[Evaluation, str], tuple[str, str, str]]
ERRORS = objective_key("errors", "ErrorRate", "")
OLD = Engine("vLLM", version="1", model="chat")
NEW = Engine("vLLM", version="2", model="chat")
EVERYONE = range(60)


class SideBySide:
    """An old version on some pods and a new one on others, with clients that are routed anew each time."""

    def __init__(self, watch: Watch, engines: tuple[Engine, ...] = (OLD, NEW)) -> None:
        self.watch = watch
        self.pods = [watch.replica(number) for number in range(len(engines))]
        self.pods[0].engine = OLD
        self.watch.gather(self.pods[:1])
        for pod, engine in zip(self.pods, engines, strict=True):
            pod.engine = engine
        self.watch.gather(self.pods)
        self.chance = random.Random(3)
        self.measures: tuple[str, ...] = (ERRORS,)
        """Only by the last of them some requests are bad."""

    def minutes(self, *failing: float, key: str = "day-1") -> Evaluation:
        """Each pod tells of ten minutes more, in which such a share of its requests failed."""
        self.watch.now = (self.watch.now // MINUTES_SECONDS + 1) * MINUTES_SECONDS
        for pod, share in zip(self.pods, failing, strict=True):
            self.told(pod, share, key=key)
        return self.watch.gather(self.pods, 5.0)

    def told(self, pod: Replica, share: float, *, key: str = "day-1", level: int = 0) -> None:
        number = int(self.watch.now // MINUTES_SECONDS) - 1
        met = {
            f"{client:016x}": ClientMet(
                0,
                (4,) * len(self.measures),
                (*(0,) * (len(self.measures) - 1), sum(self.chance.random() < share for _ in range(4))),
            )
            for client in EVERYONE
        }
        pod.clients = Clients(key_id=key, minutes=number, measures=self.measures, met=met, level=level)


def versions(result: Evaluation) -> list[dict[str, object]]:
    found: list[dict[str, object]] = result.status["versions"]
    return found


def test_a_version_that_fails_more_is_worse_with_figures_and_in_the_metrics(watch: Make, said: Said) -> None:
    pair = SideBySide(watch(privacy={"clientHeader": "X-User"}))
    early = pair.minutes(0.02, 0.3)
    for _ in range(14):
        late = pair.minutes(0.02, 0.3)

    assert said(early, "VersionsComparable")[:2] == ("Unknown", "Inconclusive")
    status, reason, message = said(late, "VersionsComparable")
    assert (status, reason) == ("False", "Worse")
    assert "errors: 2" in message
    assert "points more bad" in message
    assert "n=900 pairs of clients" in message
    assert said(late, "Healthy")[1] != "Worse"  # advisory
    newest, oldest = versions(late)
    assert (newest["verdict"], newest["comparedWith"]) == ("Worse", oldest["name"])
    metrics = OperatorMetrics()
    metrics.begin(("prod", "chat"))
    metrics.judged(("prod", "chat"), late, pair.watch.now)
    labels = {"namespace": "prod", "monitor": "chat", "version": newest["name"], "beside": oldest["name"]}
    labels |= {"objective": "errors", "bound": "low"}
    low = metrics.registry.get_sample_value("llm_monitor_version_difference", labels)  # type: ignore[arg-type]  # names are texts
    assert low is not None
    assert 0.05 < low < 0.28


def test_a_version_that_people_ask_again_more_often_is_worse(watch: Make, said: Said) -> None:
    pair = SideBySide(watch(privacy={"clientHeader": "X-User"}))
    pair.measures = (ERRORS, "regenerated")
    for _ in range(15):
        late = pair.minutes(0.02, 0.3)

    status, reason, message = said(late, "VersionsComparable")

    assert (status, reason) == ("False", "Worse")
    assert "regenerated: 2" in message
    assert "errors" not in message
    metrics = OperatorMetrics()
    metrics.begin(("prod", "chat"))
    metrics.judged(("prod", "chat"), late, pair.watch.now)
    shown = {one.labels.get("objective") for family in metrics.registry.collect() for one in family.samples}
    assert "outcome:regenerated" in shown


def test_alike_within_the_margin_is_no_difference_and_better_is_said_too(watch: Make, said: Said) -> None:
    alike, better = (SideBySide(watch(privacy={"clientHeader": "X-User"})) for _ in "ab")
    for _ in range(30):
        same, improved = alike.minutes(0.02, 0.02), better.minutes(0.3, 0.02)

    assert said(same, "VersionsComparable")[:2] == ("True", "NoDifference")
    assert said(improved, "VersionsComparable")[:2] == ("True", "Better")
    assert "points less bad" in said(improved, "VersionsComparable")[2]


@pytest.mark.parametrize(
    ("privacy", "words"), [({}, "give privacy.clientHeader"), ({"clientHeader": "X-User"}, "X-User")]
)
def test_where_clients_are_not_told_apart_that_is_said(
    watch: Make, said: Said, privacy: dict[str, str], words: str
) -> None:
    one = watch(privacy=privacy)
    pods = [one.replica(number) for number in range(2)]
    for pod, engine in zip(pods, (OLD, NEW), strict=True):
        pod.engine = engine
    result = one.gather(pods)

    status, reason, message = said(result, "VersionsComparable")

    assert (status, reason) == ("Unknown", "Inconclusive")
    assert words in message


def test_a_verdict_outlives_the_older_version_and_goes_with_the_newer(watch: Make, said: Said) -> None:
    pair = SideBySide(watch(privacy={"clientHeader": "X-User"}))
    for _ in range(15):
        pair.minutes(0.02, 0.4)
    old, new = pair.pods

    rolled_out = pair.watch.gather([new], 60.0)
    old.clients = None
    pair.watch.gather([old, new], 60.0)
    rolled_back = pair.watch.gather([old], 60.0)

    assert said(rolled_out, "VersionsComparable")[1] == "Worse"
    assert said(rolled_back, "VersionsComparable")[1] == "Inconclusive"


def test_minutes_wait_for_every_pod_but_not_for_ever_and_count_once(watch: Make) -> None:
    pair = SideBySide(watch(privacy={"clientHeader": "X-User"}), (OLD, OLD, NEW))
    pair.watch.now = (pair.watch.now // MINUTES_SECONDS + 1) * MINUTES_SECONDS
    for pod in pair.pods[1:]:
        pair.told(pod, 0.1)

    pair.watch.gather(pair.pods, 5.0)
    waiting = pair.watch.state.versions.comparison
    pair.watch.gather(pair.pods, 150.0)
    impatient = pair.watch.state.versions.comparison
    pair.told(pair.pods[0], 0.1)
    pair.watch.gather(pair.pods, 5.0)

    assert waiting is None
    assert impatient is not None
    assert impatient.evidence[0].n == len(EVERYONE)
    assert pair.watch.state.versions.comparison == impatient


def test_a_client_on_two_pods_of_a_version_is_one_client(watch: Make) -> None:
    pair = SideBySide(watch(privacy={"clientHeader": "X-User"}), (OLD, OLD, NEW))

    pair.minutes(1.0, 0.0, 0.0)

    known = pair.watch.state.versions.comparison
    assert known is not None
    assert (known.evidence[0].n, known.evidence[0].mean) == (len(EVERYONE), -0.5)


def test_all_pods_are_cut_down_to_the_clients_of_the_one_that_had_too_many(watch: Make) -> None:
    pair = SideBySide(watch(privacy={"clientHeader": "X-User"}))
    pair.watch.now = (pair.watch.now // MINUTES_SECONDS + 1) * MINUTES_SECONDS
    for pod, level in zip(pair.pods, (0, 59), strict=True):  # 64 bits: 32 of them are left
        pair.told(pod, 0.1, level=level)

    pair.watch.gather(pair.pods, 5.0)

    known = pair.watch.state.versions.comparison
    assert known is not None
    assert known.evidence[0].n == 32


def test_the_comparison_outlives_the_operator_and_single_clients_do_not(watch: Make) -> None:
    pair = SideBySide(watch(privacy={"clientHeader": "X-User"}))
    pair.minutes(0.1, 0.1)

    restored = decode(encode(pair.watch.state).data)

    kept, known = restored.versions.comparison, pair.watch.state.versions.comparison
    assert kept is not None
    assert known is not None
    assert kept == msgspec.structs.replace(known, seen=b"")
    assert all(boot.clients is None for pod in restored.pods.values() for boot in pod.boots)
    pair.watch.state = restored
    pair.minutes(0.1, 0.1, key="day-2")
    known = pair.watch.state.versions.comparison
    assert known is not None
    assert (known.day, known.evidence[0].n) == (2, len(EVERYONE))


def test_what_a_damaged_report_says_of_clients_harms_no_judgement(watch: Make) -> None:
    pair = SideBySide(watch(privacy={"clientHeader": "X-User"}))
    pair.minutes(0.1, 0.1)
    pair.watch.now = (pair.watch.now // MINUTES_SECONDS + 1) * MINUTES_SECONDS
    for pod in pair.pods:
        pair.told(pod, 0.1)
        assert pod.clients is not None
        absurd = {
            "no hash": ClientMet(0, (1,), (0,)),
            "ab": ClientMet(0, (1, 2), (0,)),
            "cd": ClientMet(9, (1,), (7,)),
        }
        pod.clients = Clients(
            key_id="day-1", minutes=pod.clients.minutes, measures=(ERRORS,), met=absurd, level=3
        )

    pair.watch.gather(pair.pods, 5.0)

    known = pair.watch.state.versions.comparison
    assert known is not None
    assert known.evidence[0].n == len(EVERYONE) + 1  # of `cd`, all of whose requests were bad on both


def test_a_clock_that_was_ahead_holds_nothing_up(watch: Make) -> None:
    pair = SideBySide(watch(privacy={"clientHeader": "X-User"}))
    pair.minutes(0.1, 0.1)
    history = pair.watch.state.versions
    assert history.comparison is not None
    ahead = msgspec.structs.replace(history.comparison, newest=history.comparison.newest + 1_000)
    versions_ = msgspec.structs.replace(history, comparison=ahead)
    pair.watch.state = msgspec.structs.replace(pair.watch.state, versions=versions_)

    pair.minutes(0.1, 0.1)

    known = pair.watch.state.versions.comparison
    assert known is not None
    assert known.evidence[0].n == 2 * len(EVERYONE)
