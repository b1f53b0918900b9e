from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from tests.operator.conftest import START, Watch

from llmmonitor_api.report.probing import PairOutcomes, ProbeRound, Probing
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.evaluate import Evaluation
from llmmonitor_operator.evaluate.counterfactual import (
    ALPHA,
    DETECTABLE,
    POWER,
    Tally,
    difference_below,
    evidence,
    found,
    power,
)
from llmmonitor_operator.evaluate.quality_status import quality_status
from llmmonitor_operator.gather.probes import with_probes
from llmmonitor_operator.quality_kept import QualityKept

SCENARIOS = 191
Said = Callable[[Evaluation, str], tuple[str, str, str]]


def chance_of_ever_reaching(limit: float, pairs: int) -> float:
    """Exactly: every change by lot, a look after each."""
    walks, reached = {0: 1.0}, 0.0
    for n in range(1, pairs + 1):
        after: dict[int, float] = {}
        for won, weight in walks.items():
            for next_won in (won, won + 1):
                if evidence(next_won, n - next_won) >= limit:
                    reached += weight / 2
                else:
                    after[next_won] = after.get(next_won, 0.0) + weight / 2
        walks = after
    return reached


@pytest.mark.parametrize("limit", [20.0, 100.0])
def test_by_chance_alone_the_limit_is_ever_reached_as_rarely_as_it_says(limit: float) -> None:
    reached = chance_of_ever_reaching(limit, 200)

    assert reached <= 1 / limit
    assert reached > 0.2 / limit, "it would otherwise find nothing"


def test_the_evidence_is_a_fair_game() -> None:
    for won in range(30):
        for lost in range(30):
            fair = (evidence(won + 1, lost) + evidence(won, lost + 1)) / 2
            assert fair == pytest.approx(evidence(won, lost))
    assert evidence(0, 0) == 1.0


def test_of_several_attributes_more_evidence_is_wanted_of_each() -> None:
    eight, six = Tally(8, 0, 100), Tally(6, 0, 100)

    assert found({"age": eight}, 5) == {"age"}
    assert found({"age": six}, 5) == frozenset()
    assert found({"age": six}, 1) == {"age"}
    assert found({name: Tally(8, 0, 9) for name in "abcde"}, 5) == set("abcde"), (
        "five together need less each"
    )


def test_five_attributes_looked_at_after_every_pair_are_rarely_called_different() -> None:
    """Answers that change with words and groups alike, the same scenarios for all attributes."""
    rng, runs, false = random.Random(4), 200, 0
    for _ in range(runs):
        tallies = {name: [0, 0] for name in "abcde"}
        for _ in range(SCENARIOS):
            doubtful = rng.random() < 0.3  # of all attributes at once
            for counts in tallies.values():
                if doubtful and rng.random() < 0.7:
                    counts[rng.random() < 0.5] += 1
            if found({name: Tally(counts[0], counts[1], 0) for name, counts in tallies.items()}, 5):
                false += 1
                break

    assert false / runs <= ALPHA


def test_the_suites_have_the_power_that_they_claim_and_twenty_pairs_have_none() -> None:
    assert power(SCENARIOS, DETECTABLE, 0.01, 5) >= POWER, "with some noise too"
    assert power(101, DETECTABLE, 0.0, 5) >= POWER > power(100, DETECTABLE, 0.0, 5)
    assert power(20, DETECTABLE, 0.0, 5) < 0.001
    assert (detectable(SCENARIOS, 0.0, 5), detectable(SCENARIOS, 0.02, 5)) == (0.06, 0.14)
    assert detectable(5, 0.0, 5) is None


def detectable(pairs: int, noise: float, attributes: int) -> float | None:
    """The least flip rate, in whole percent, that is found with a chance of POWER; None if none is."""
    rates = (step / 100 for step in range(1, 101))
    return next((one for one in rates if power(pairs, one, noise, attributes) >= POWER), None)


def test_power_is_what_simulation_says() -> None:
    rng = random.Random(7)
    hits = 0
    for _ in range(2000):
        draws = [rng.random() for _ in range(SCENARIOS)]
        hits += evidence(sum(d < 0.2 for d in draws), sum(0.2 <= d < 0.25 for d in draws)) >= 5 / ALPHA

    assert hits / 2000 == pytest.approx(power(SCENARIOS, 0.2, 0.05, 5), abs=0.03)


def test_the_bound_of_the_difference_holds_at_every_moment() -> None:
    rng, runs, missed = random.Random(5), 150, 0
    for _ in range(runs):
        counts = [0, 0, 0]
        for n in range(SCENARIOS):
            counts[rng.choices((0, 1, 2), (0.13, 0.03, 0.84))[0]] += 1
            if n % 40 == 39 and difference_below(Tally(*counts)) < 0.10:
                missed += 1
                break

    assert missed / runs <= ALPHA
    assert difference_below(Tally(0, 0, SCENARIOS)) == pytest.approx(0.02, abs=0.002)
    assert difference_below(Tally(0, 0, 0)) == 1.0


# as conditions

SUITES = ["bias-gender", "bias-origin", "bias-religion", "bias-age", "bias-disability"]


class Paired:
    """A monitor that asks about all five attributes, and what its sidecar says came of it."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.replica = watch.replica()
        self.digest = settings_for(watch.monitor).quality.digest

    def judged(self, version: str = "m", **outcomes: str) -> Evaluation:
        pairs = tuple(
            PairOutcomes(name, version, 1, (f"{name} one", f"{name} two"), letters)
            for name, letters in outcomes.items()
        )
        rounds = (ProbeRound(START, version, 0, START),)
        self.replica.probing = Probing(plan=self.digest, of=1, version=version, rounds=rounds, pairs=pairs)
        return self.watch.gather([self.replica])


@pytest.fixture
def paired(watch: Callable[..., Watch]) -> Paired:
    return Paired(watch(quality={"schedule": "1h", "suites": SUITES}))


def every(letters: str, **other: str) -> dict[str, str]:
    return {suite.removeprefix("bias-"): letters for suite in SUITES} | other


def test_too_few_pairs_are_no_verdict(paired: Paired, said: Said) -> None:
    status, reason, message = said(paired.judged(**every("0" * 20)), "QualityHealthy")

    assert (status, reason) == ("Unknown", "NotEnoughPairs")
    assert message.startswith(
        "too few pairs to find a difference of 10 % with 80 % power: gender 20, origin 20, religion 20"
    )


def test_without_a_finding_it_says_how_large_the_difference_may_be_and_of_how_many_pairs(
    paired: Paired, said: Said
) -> None:
    status, reason, message = said(paired.judged(**every("0" * 190 + "c")), "QualityHealthy")

    assert (status, reason) == ("True", "ProbesPass")
    assert "gender: no difference larger than 1.6" in message
    assert " % (191 pairs)" in message
    assert "unbiased" not in message


def test_an_attribute_that_changes_answers_is_found_with_its_size_and_direction(
    paired: Paired, said: Said
) -> None:
    outcomes = every("0" * 191, age="+" * 13 + "-" * 1 + "0" * 100 + "c" + "?" * 3)

    status, reason, message = said(paired.judged(**outcomes), "QualityHealthy")

    assert (status, reason) == ("False", "BiasFound")
    assert message == (
        "age: the answer changed with it alone in 14 of 115 pairs and with other words alone in 1 (e=326,"
        " 100 is enough); 13 times in favour of age one, 1 of age two"
    )


def test_answers_that_change_with_any_words_are_no_finding(paired: Paired, said: Said) -> None:
    outcomes = every("+-c" * 10 + "c" * 10 + "b" * 20 + "0" * 65)

    assert said(paired.judged(**outcomes), "QualityHealthy")[1] != "BiasFound"


def test_another_version_begins_with_no_evidence(paired: Paired, said: Said) -> None:
    paired.judged(**every("+" * 120))

    assert said(paired.judged("m2", **every("0" * 3)), "QualityHealthy")[1] == "NotEnoughPairs"
    assert said(paired.judged("m", **every("+" * 3)), "QualityHealthy")[1] == "BiasFound", "it is known"


def test_replicas_letters_come_together_and_the_first_counts() -> None:
    def one(letters: str, suite_version: int = 1) -> Probing:
        return Probing(pairs=(PairOutcomes("age", "m", suite_version, ("a", "b"), letters),))

    kept = with_probes(QualityKept(), [one("0..?"), one(".+."), one("c.-.")], START)

    assert kept.pairs[0].outcomes == "0+-?"
    assert with_probes(kept, [one("0..?")], START) is kept
    assert with_probes(kept, [one("...", 2)], START).pairs[0].outcomes == "..."


def test_the_status_has_the_difference_with_its_bound_and_survives_a_restart(paired: Paired) -> None:
    paired.judged(**every("0" * 191, age="+" * 12 + "0" * 101))
    paired.watch.state = decode(encode(paired.watch.state).data)

    shown: Any = quality_status(paired.watch.judge().inputs)

    by_name = {one.attribute: one for one in shown.bias}
    assert (by_name["age"].found, by_name["age"].pairs) == (True, 113)
    assert by_name["gender"].found is False
    assert by_name["gender"].difference.value == 0
    assert 0.01 < by_name["gender"].difference.high < 0.03
    assert by_name["age"].difference.value == pytest.approx(12 / 113, abs=1e-3)
    assert by_name["age"].difference.high > 12 / 113
    assert paired.watch.state.quality.pairs[0].groups == ("gender one", "gender two")
