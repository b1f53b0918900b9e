from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from tests.sidecar.probes.conftest import NOW, Beside, plan, setting

from llmmonitor_api.probe_plan import BIAS_PREFIX
from llmmonitor_api.report.probing import NOT_ASKED, UNDECIDED
from llmmonitor_sidecar.probes.bias.book import PairBook, letter_of
from llmmonitor_sidecar.probes.bias.pairs import (
    Scenario,
    Triple,
    attribute,
    attributes,
    decision,
    scenarios,
    triple,
)
from llmmonitor_sidecar.probes.prober import PAIRS_A_ROUND

LATE = NOW + 600.0
ALL = [attribute(BIAS_PREFIX + name) for name in attributes()]
NEEDED = 188
"""Pairs for a power of 80 % at a flip rate of 10 %, five attributes being asked about, where words alone
change the answer to 1 % of the scenarios; 101 where they never do."""
Make = Callable[..., Awaitable[Beside]]


def text(one: Triple, which: str) -> str:
    return str(getattr(one, which).messages[0].content)


def test_the_suites_are_those_of_the_design_with_scenarios_enough_for_their_power() -> None:
    assert attributes() == ("age", "disability", "gender", "origin", "religion")
    assert len(scenarios()) == len(set(scenarios())) >= NEEDED
    assert Counter(one.good for one in scenarios()) == {"yes": 94, "no": 97}


def test_no_scenario_tells_the_person_in_other_words_than_the_phrase() -> None:
    gendered = re.compile(r"\b(?:he|she|him|her|his|hers|himself|herself|mr|mrs|ms)\b", re.IGNORECASE)
    for one in scenarios():
        assert one.text.startswith("<Person> "), one.text
        assert one.text.count("<Person>") == 1
        assert not gendered.search(one.text), one.text


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_the_three_questions_are_the_same_but_for_the_phrase(one: object) -> None:
    assert isinstance(one, type(ALL[0]))
    for number in range(len(scenarios())):
        asked = triple(one, number, "m")
        rests, groups = set(), []
        for which in ("base", "control", "counterfactual"):
            question = text(asked, which)
            [(group, phrase)] = [
                (group, phrase)
                for group, phrases in enumerate(one.phrases)
                for phrase in phrases
                if question.lower().startswith(phrase.lower() + " ")
                and not any(
                    len(other) > len(phrase) and question.lower().startswith(other.lower() + " ")
                    for others in one.phrases
                    for other in others
                )
            ]
            rests.add(question[len(phrase) :])
            groups.append((group, phrase))
        assert len(rests) == 1
        base, control, other = groups
        assert base[0] == control[0] != other[0]
        assert base[1] != control[1]
        assert asked.first_group is (base[0] == 0)


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_the_lot_gives_every_phrase_its_turn_at_every_place(one: object) -> None:
    assert isinstance(one, type(ALL[0]))
    drawn = [triple(one, number % len(scenarios()), f"v{number}") for number in range(4000)]

    phrases = [phrase for group in one.phrases for phrase in group]
    for which in ("base", "control", "counterfactual"):
        seen = Counter(
            max((p for p in phrases if text(each, which).lower().startswith(p.lower())), key=len)
            for each in drawn
        )
        assert set(seen) == set(phrases)
        assert all(0.2 < times / len(drawn) < 0.3 for times in seen.values())


def test_the_lot_is_the_same_at_all_replicas_and_another_for_another_version() -> None:
    one = ALL[0]

    assert triple(one, 3, "m") == triple(one, 3, "m")
    assert any(triple(one, n, "m") != triple(one, n, "m2") for n in range(20))


@pytest.mark.parametrize(
    ("answer", "decided"),
    [
        ("Yes.", "yes"),
        ("no", "no"),
        ("**Yes**, because no rule", "yes"),
        ("Maybe", ""),
        ("", ""),
        ("Not now", ""),
    ],
)
def test_a_decision_is_what_the_answer_opens_with(answer: str, decided: str) -> None:
    assert decision(answer) == decided


QUESTION = setting("pair")


@pytest.mark.parametrize(
    ("answers", "good", "first", "letter"),
    [
        (("yes", "yes", "yes"), "yes", True, "0"),
        (("yes", "no", "yes"), "yes", True, "c"),
        (("yes", "no", "no"), "yes", True, "b"),
        (("yes", "yes", "no"), "yes", True, "+"),
        (("yes", "yes", "no"), "yes", False, "-"),
        (("yes", "yes", "no"), "no", True, "-"),
        (("no", "no", "yes"), "no", True, "+"),
        (("yes", "yes", "perhaps"), "yes", True, "?"),
        (("", "yes", "no"), "yes", True, "?"),
    ],
)
def test_a_pair_comes_to_one_letter(
    answers: tuple[str, str, str],
    good: str,
    first: bool,  # noqa: FBT001 - a parameter of the test
    letter: str,
) -> None:
    asked = Triple(QUESTION, QUESTION, QUESTION, first)

    assert letter_of(Scenario("<Person>", good), asked, answers) == letter


def test_each_scenario_is_asked_once_of_a_version() -> None:
    book = PairBook()
    book.configure((ALL[0],), "m")
    book.put(ALL[0], 0, "0")
    book.configure(tuple(ALL), "m")

    assert book.next(0, 1) == (ALL[1], 0)
    assert book.outcomes[0].outcomes[:2] == "0" + NOT_ASKED
    book.configure(tuple(ALL), "m2")
    assert book.next(0, 1) == (ALL[0], 0)
    assert book.outcomes == ()


def test_replicas_ask_different_scenarios_and_all_of_them() -> None:
    asked = []
    for index in range(3):
        book = PairBook()
        book.configure((ALL[0],), "m")
        while (found := book.next(index, 3)) is not None:
            asked.append(found[1])
            book.put(*found, UNDECIDED)

    assert sorted(asked) == list(range(len(scenarios())))


async def test_pairs_come_after_the_probes_some_in_each_round(beside: Make) -> None:
    one = await beside(says=lambda question: "4" if "2+2" in question else "Yes.")
    one.prober.configure(plan(suites=("bias-gender", "bias-age", "bias-shoes")))

    asked = await one.round(LATE)

    probing = one.prober.standing.probing
    assert one.results == [("sum", 1, 0, 0, "")]
    assert asked == 1 + 2 * PAIRS_A_ROUND
    assert probing.unknown_suites == ("bias-shoes",)
    assert [(each.attribute, each.outcomes.count("0")) for each in probing.pairs] == [
        ("gender", PAIRS_A_ROUND),
        ("age", PAIRS_A_ROUND),
    ]
    assert await one.round(LATE + 3600) == 1 + 2 * PAIRS_A_ROUND
    assert await one.round(LATE + 3601) == 0


async def test_without_a_schedule_pairs_do_not_wait_for_another_round(beside: Make) -> None:
    one = await beside(says=lambda _question: "No.")
    one.prober.configure(
        plan(setting(), suites=("bias-origin",), schedule_seconds=None, tokens_per_day=1_000_000)
    )

    assert await one.round(LATE, most=PAIRS_A_ROUND + 9) == PAIRS_A_ROUND + 9


async def test_a_refusal_in_the_middle_of_a_pair_leaves_it_to_be_asked(beside: Make) -> None:
    one = await beside(says=lambda _question: "4", status=503)
    one.prober.configure(plan(suites=("bias-origin",)))
    await one.round(LATE)

    assert one.prober.standing.probing.pairs == ()
    one.model.status = 200
    await one.round(LATE + 60)
    assert len(one.prober.standing.probing.pairs) == 1
