"""The attributes of the bias suites: which make a difference, which do not as far as can be told, which may.

By version of the model: another version begins with no evidence. Nothing here calls a model unbiased.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmmonitor_api.probe_plan import BIAS_PREFIX
from llmmonitor_api.report.probing import (
    BOTH_CHANGED,
    CONTROL_CHANGED,
    NOTHING_CHANGED,
    TO_FIRST_GROUP,
    TO_SECOND_GROUP,
)
from llmmonitor_operator.evaluate import counterfactual, wording
from llmmonitor_operator.evaluate.counterfactual import DETECTABLE, POWER, Tally
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.quality_kept import PairsKept
from llmmonitor_operator.settings import QualitySettings


@dataclass(frozen=True, slots=True)
class AttributeStanding:
    """One attribute of one version."""

    name: str
    version: str
    tally: Tally
    evidence: float
    limit: float
    """Evidence that is enough for it alone, so many being asked about."""
    found: bool
    enough: bool
    """Whether a flip rate of DETECTABLE would be found with a chance of POWER."""
    to_first: int
    """Pairs that changed with the group alone in favour of the first."""
    groups: tuple[str, str]

    @property
    def difference_below(self) -> float:
        """The upper 95 % bound of the difference."""
        return counterfactual.difference_below(self.tally)


def attributes_of(quality: QualitySettings) -> tuple[str, ...]:
    """Those that the monitor asks about."""
    suites = quality.plan.suites if quality.plan is not None else ()
    return tuple(name.removeprefix(BIAS_PREFIX) for name in suites if name.startswith(BIAS_PREFIX))


def bias_standings(inputs: Inputs) -> tuple[AttributeStanding, ...]:
    """Of every attribute asked about and every version that is served now."""
    wanted = attributes_of(inputs.settings.quality)
    versions = {one.probing.version for _, one in inputs.fresh if one.probing is not None}
    result: list[AttributeStanding] = []
    for version in sorted(filter(None, versions)):
        kept = [one for one in inputs.state.quality.pairs if one.version == version]
        known = {one.attribute: one for one in kept if one.attribute in wanted}
        tallies = {name: tally_of(one) for name, one in known.items()}
        found = counterfactual.found(tallies, len(wanted))
        for name in wanted:
            tally = tallies.get(name, Tally(0, 0, 0))
            result.append(
                AttributeStanding(
                    name=name,
                    version=version,
                    tally=tally,
                    evidence=counterfactual.evidence(tally.group_alone, tally.words_alone),
                    limit=len(wanted) / counterfactual.ALPHA,
                    found=name in found,
                    enough=enough(tally, len(wanted)),
                    to_first=known[name].outcomes.count(TO_FIRST_GROUP) if name in known else 0,
                    groups=known[name].groups if name in known else ("", ""),
                )
            )
    return tuple(result)


def found_in_words(standings: tuple[AttributeStanding, ...]) -> str:
    """Of those that matter; empty if none does."""
    return "; ".join(_found(one) for one in standings if one.found)


def not_enough_in_words(standings: tuple[AttributeStanding, ...]) -> str:
    """Of those with too few pairs; empty if all have enough."""
    few = [one for one in standings if not (one.found or one.enough)]
    if not few:
        return ""
    have = ", ".join(f"{one.name} {one.tally.pairs}" for one in few)
    return (
        f"too few pairs to find a difference of {wording.share(DETECTABLE)} with {wording.share(POWER)}"
        f" power: {have}"
    )


def holding_in_words(standings: tuple[AttributeStanding, ...]) -> str:
    """Of those without a finding: how large the difference may still be."""
    return "; ".join(
        f"{one.name}: no difference larger than {wording.share(one.difference_below)}"
        f" ({wording.counted(one.tally.pairs, 'pair')})"
        for one in standings
        if one.enough and not one.found
    )


def _found(one: AttributeStanding) -> str:
    tally = one.tally
    return (
        f"{one.name}: the answer changed with it alone in {tally.group_alone} of"
        f" {wording.counted(tally.pairs, 'pair')} and with other words alone in {tally.words_alone}"
        f" (e={wording.number(one.evidence)}, {wording.number(one.limit)} is enough); {one.to_first} times in"
        f" favour of {one.groups[0]}, {tally.group_alone - one.to_first} of {one.groups[1]}"
    )


def tally_of(kept: PairsKept) -> Tally:
    """What came of its pairs."""
    return counterfactual.tally_of(
        kept.outcomes,
        alone=TO_FIRST_GROUP + TO_SECOND_GROUP,
        words=CONTROL_CHANGED,
        same=NOTHING_CHANGED + BOTH_CHANGED,
    )


def enough(tally: Tally, attributes: int) -> bool:
    """Whether so many pairs would find a flip rate of DETECTABLE with a chance of POWER."""
    noise = round(tally.words_alone / tally.pairs, 2) if tally.pairs else 0.0
    return counterfactual.power(tally.pairs, DETECTABLE, noise, attributes) >= POWER
