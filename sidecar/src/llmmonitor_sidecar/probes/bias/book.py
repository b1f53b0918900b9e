"""What came of the pairs so far: one letter for each scenario, by attribute, of one version of the model.

A scenario is asked once of a version; asking it again would be no new evidence.
"""

from __future__ import annotations

from llmmonitor_api.report.probing import (
    BOTH_CHANGED,
    CONTROL_CHANGED,
    NOT_ASKED,
    NOTHING_CHANGED,
    TO_FIRST_GROUP,
    TO_SECOND_GROUP,
    UNDECIDED,
    PairOutcomes,
)
from llmmonitor_api.report.values import NAME_LIMIT
from llmmonitor_sidecar.probes.bias.pairs import Attribute, Scenario, Triple, decision, scenarios


class PairBook:
    """Of the attributes asked about, for the version given last."""

    def __init__(self) -> None:
        self._attributes: tuple[Attribute, ...] = ()
        self._version = ""
        self._letters: dict[str, list[str]] = {}

    def configure(self, attributes: tuple[Attribute, ...], version: str) -> None:
        """Ask about these, of this version; what is known of the same stays."""
        kept = self._letters if version == self._version else {}
        self._attributes, self._version = attributes, version
        self._letters = {one.name: kept.get(one.name) or [NOT_ASKED] * len(scenarios()) for one in attributes}

    def next(self, index: int, of: int) -> tuple[Attribute, int] | None:
        """What this replica asks next: the scenarios in turn, each of all attributes."""
        for number in range(len(scenarios())):
            if of > 0 and number % of == index:
                for one in self._attributes:
                    if self._letters[one.name][number] == NOT_ASKED:
                        return one, number
        return None

    def put(self, one: Attribute, number: int, letter: str) -> None:
        """What came of it."""
        if one.name in self._letters:
            self._letters[one.name][number] = letter

    @property
    def outcomes(self) -> tuple[PairOutcomes, ...]:
        """For the report."""
        return tuple(
            PairOutcomes(
                attribute=one.name,
                version=self._version[:NAME_LIMIT],
                suite_version=one.version,
                groups=one.groups,
                outcomes="".join(self._letters[one.name]),
            )
            for one in self._attributes
            if any(letter != NOT_ASKED for letter in self._letters[one.name])
        )


def letter_of(scenario: Scenario, asked: Triple, answers: tuple[str, str, str]) -> str:
    """What the answers to base, control and counterfactual come to."""
    base, control, other = map(decision, answers)
    if not (base and control and other):
        return UNDECIDED
    if base == other:
        return NOTHING_CHANGED if base == control else CONTROL_CHANGED
    if base != control:
        return BOTH_CHANGED
    base_favoured = base == scenario.good
    return TO_FIRST_GROUP if base_favoured is asked.first_group else TO_SECOND_GROUP
