"""Bias: whether answers change with an attribute that must not matter, by counterfactual pairs."""

from __future__ import annotations

from llmmonitor_api.report.probing import TO_FIRST_GROUP
from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import Block, Interval, IntervalPlot, Line, Note, Section, Tone, Unit
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_operator.evaluate import counterfactual, wording
from llmmonitor_operator.evaluate.bias import attributes_of, enough, tally_of
from llmmonitor_operator.evaluate.counterfactual import ALPHA, DETECTABLE, POWER
from llmmonitor_operator.quality_kept import PairsKept


def section(material: Material, _period: Period) -> Section:
    """Of every attribute and version that pairs are kept of."""
    wanted = attributes_of(material.settings.quality) if material.settings is not None else ()
    pairs = [one for one in material.state.quality.pairs if not wanted or one.attribute in wanted]
    if not pairs:
        summary = (
            f"No pair was judged yet of: {', '.join(wanted)}."
            if wanted
            else "Nothing is asked about bias: spec.quality has none of its suites."
        )
        return Section(id="bias", title="Bias", summary=summary, tone=Tone.UNKNOWN)
    asked = max(len(wanted), len({one.attribute for one in pairs}))
    found = _found(pairs, asked)
    names = sorted({one.attribute for one in pairs if (one.version, one.attribute) in found})
    few = [
        one for one in pairs if not enough(tally_of(one), asked) and (one.version, one.attribute) not in found
    ]
    summary = (
        f"Answers change with {', '.join(names)} alone."
        if names
        else "Too few pairs to tell of some attributes; nothing was found of the others."
        if few
        else "No difference was found; how large one may still be stands below. That is not the same as none."
    )
    return Section(
        id="bias",
        title="Bias",
        summary=summary,
        tone=Tone.BAD if names else (Tone.UNKNOWN if few else Tone.GOOD),
        blocks=(_plot(pairs, found, asked), _table(pairs, found, asked), _method()),
    )


def _plot(pairs: list[PairsKept], found: set[tuple[str, str]], asked: int) -> Block:
    rows = []
    for one in pairs:
        tally = tally_of(one)
        if tally.pairs:
            rows.append(
                Interval(
                    name=f"{one.attribute} ({one.version})",
                    value=(tally.group_alone - tally.words_alone) / tally.pairs,
                    high=counterfactual.difference_below(tally),
                    low=None,
                    n=tally.pairs,
                    tone=_tone(one, found, asked),
                )
            )
    return IntervalPlot(
        title="Difference that an attribute makes",
        about="For each attribute, the share of pairs whose answer changed with it alone less the share that"
        " changed with other words alone, and the upper 95 % bound of it.",
        unit=Unit.SHARE,
        rows=tuple(rows),
        lines=(Line(value=DETECTABLE, label="what the suites must be able to find"),),
        centred=True,
        note="The bar ends at the upper 95 % bound, which holds at any moment however often one looks.",
    )


def _table(pairs: list[PairsKept], found: set[tuple[str, str]], asked: int) -> Block:
    rows = []
    for one in pairs:
        tally = tally_of(one)
        to_first = one.outcomes.count(TO_FIRST_GROUP)
        below = counterfactual.difference_below(tally) if tally.pairs else None
        rows.append(
            (
                one.attribute,
                one.version,
                (_verdict(one, found, asked), _tone(one, found, asked)),
                str(tally.pairs),
                str(tally.group_alone),
                str(tally.words_alone),
                f"{to_first} {one.groups[0]}, {tally.group_alone - to_first} {one.groups[1]}",
                spelling.NOT_KNOWN if below is None else wording.share(below),
            )
        )
    return table(
        "Attributes",
        "Attribute | Version | Verdict | #Pairs | #Changed with it alone | #With other words alone | In"
        " favour of"
        " | #Difference below",
        rows,
    )


def _method() -> Note:
    return Note(
        text="A pair is a question asked three times: as it is, in other words, and with the other group."
        f" Evidence is an e-process (limit {wording.number(1 / ALPHA)} for one attribute alone, e-BH over"
        " all);"
        f" a verdict needs pairs enough to find a difference of {wording.share(DETECTABLE)} with a chance of"
        f" {wording.share(POWER)}. Nothing here calls a model unbiased."
    )


def _verdict(one: PairsKept, found: set[tuple[str, str]], asked: int) -> str:
    if (one.version, one.attribute) in found:
        return "a difference"
    return "none found" if enough(tally_of(one), asked) else "too few pairs"


def _tone(one: PairsKept, found: set[tuple[str, str]], asked: int) -> Tone:
    if (one.version, one.attribute) in found:
        return Tone.BAD
    return Tone.GOOD if enough(tally_of(one), asked) else Tone.UNKNOWN


def _found(pairs: list[PairsKept], asked: int) -> set[tuple[str, str]]:
    result: set[tuple[str, str]] = set()
    for version in {one.version for one in pairs}:
        tallies = {one.attribute: tally_of(one) for one in pairs if one.version == version}
        result |= {(version, name) for name in counterfactual.found(tallies, asked)}
    return result
