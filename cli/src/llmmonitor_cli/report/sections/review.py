"""Review: what people judged of detectors' findings, how precise that makes each, and which are suspended."""

from __future__ import annotations

from dataclasses import dataclass

from llmmonitor_api.interactions.table import DETECTORS
from llmmonitor_api.review import Verdict
from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import (
    Block,
    Figures,
    Interval,
    IntervalPlot,
    Note,
    Section,
    Tone,
    Unit,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.precision import Precision, precision
from llmmonitor_operator.evaluate.reviewers import name_of
from llmmonitor_operator.evaluate.suspension import (
    FEWEST_PEOPLE,
    FEWEST_VERDICTS,
    false_alarms_high,
    suspended,
    words,
)
from llmmonitor_operator.review_kept import Batch, Subject


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """One detector and kind."""

    subject: Subject
    batches: tuple[Batch, ...]
    known: Precision | None
    suspended: bool

    @property
    def name(self) -> str:
        return name_of(self.subject)

    @property
    def floor(self) -> float | None:
        """The share of its findings that must be right; None of a detector that is not known here."""
        return next((one.precision_floor for one in DETECTORS if one.name == self.subject.detector), None)

    @property
    def tone(self) -> Tone:
        if self.suspended:
            return Tone.BAD
        return (
            Tone.GOOD if self.enough and self.known and self.known.low > (self.floor or 0) else Tone.UNKNOWN
        )

    @property
    def enough(self) -> bool:
        """Whether so many judged it that it could be suspended."""
        known = self.known
        return known is not None and known.verdicts >= FEWEST_VERDICTS and known.people >= FEWEST_PEOPLE

    def said(self, verdict: Verdict) -> int:
        return sum(one.verdict == verdict.value for batch in self.batches for one in batch.judged)


def section(material: Material, period: Period) -> Section:
    """By the verdicts that the checkpoint holds."""
    found = _reviewed(material)
    on = material.monitor is not None and material.monitor.spec.privacy.review is not None
    blocks: list[Block] = []
    out = [one for one in found if one.suspended]
    cases = sum(len(batch.judged) for one in found for batch in one.batches)
    if not found:
        summary = (
            "No case was judged yet; a review queue is open."
            if on
            else "Nobody judges what detectors find: spec.privacy.review is not set."
        )
        if material.monitor is None:
            summary = "No case was judged; whether a review queue is open is not known."
    else:
        people = wording.counted(len(material.state.review.people), "person").replace("persons", "people")
        summary = f"{wording.counted(cases, 'case')} judged by {people}; " + (
            f"suspended: {', '.join(one.name for one in out)}." if out else "no detector is suspended."
        )
        blocks = _blocks(material, found, period)
    if material.status.audit is not None and material.status.audit.records:
        blocks.append(_audit(material))
    return Section(
        id="review",
        title="Review by people",
        summary=summary,
        tone=_tone(found),
        blocks=tuple(blocks),
    )


def _tone(found: list[_Reviewed]) -> Tone:
    """Of detectors; those of unflagged exchanges say nothing of one."""
    tones = {one.tone for one in found if one.subject.kind}
    return next((one for one in (Tone.BAD, Tone.UNKNOWN, Tone.GOOD) if one in tones), Tone.PLAIN)


def _reviewed(material: Material) -> list[_Reviewed]:
    kept = material.state.review
    out = suspended(kept)
    found = [(Subject.of(key), batches) for key, batches in kept.subjects.items()]
    return [
        _Reviewed(subject, batches, precision(batches), subject in out) for subject, batches in sorted(found)
    ]


def _blocks(material: Material, found: list[_Reviewed], period: Period) -> list[Block]:
    kept, reviewers = material.state.review, material.status.reviewers
    cases = sum(len(batch.judged) for one in found for batch in one.batches)
    within = sum(len(batch.judged) for one in found for batch in one.batches if period.holds(batch.at))
    blocks: list[Block] = [
        Figures(
            figures=(
                spelling.figure("Cases judged", cases, Unit.COUNT, window="that are kept"),
                spelling.figure(
                    "Of the period", within, Unit.COUNT, window="by when the first of each batch was judged"
                ),
                spelling.figure("People who judged", len(kept.people), Unit.COUNT),
                spelling.figure(
                    "Cases that wait",
                    reviewers.waiting if reviewers is not None else None,
                    Unit.COUNT,
                    window="at the last report",
                ),
            )
        ),
        _table(found, period),
    ]
    measured = [one for one in found if one.subject.kind and one.known is not None]
    if measured:
        blocks.append(_plot(measured))
    kinds = {one.subject.kind for one in found if one.subject.kind}
    rates = {kind: rate for kind in sorted(kinds) if (rate := false_alarms_high(kept, kind)) is not None}
    if rates:
        listed = ", ".join(f"{kind} at most {wording.share(rate)}" for kind, rate in rates.items())
        blocks.append(
            Note(text=f"Of all exchanges these are flagged wrongly, by the upper 95 % bounds: {listed}.")
        )
    blocks += [
        Note(text=f"{words(one.subject, one.known)}.", tone=Tone.BAD)
        for one in found
        if one.suspended and one.known is not None
    ]
    return blocks


def _table(found: list[_Reviewed], period: Period) -> Block:
    rows: list[tuple[str | tuple[str, Tone], ...]] = []
    for one in found:
        within = sum(len(batch.judged) for batch in one.batches if period.holds(batch.at))
        share = spelling.NOT_KNOWN
        if one.known is not None:
            ends = " to ".join(wording.number(100 * end, 2) for end in (one.known.low, one.known.high))
            share = f"{wording.share(one.known.value)} ({ends})"
        floor = "" if one.floor is None else f"{wording.share(one.floor)}"
        rows.append(
            (
                one.name,
                *(str(one.said(verdict)) for verdict in Verdict),
                str(within),
                share,
                floor,
                _standing(one),
            )
        )
    return table(
        "Verdicts by detector",
        "Detector and kind | #Right | #Wrong | #Unsure | #Of the period | #Right, weighted | #At least |"
        " Standing",
        rows,
        note="Weighted by how many exchanges a case stands for; 95 % intervals by Korn and Graubard"
        " (docs/review.md). Of unflagged exchanges right means that nothing was missed. Other versions of a"
        f" detector begin without verdicts. A detector is suspended by at least {FEWEST_VERDICTS} verdicts"
        f" of {FEWEST_PEOPLE} people whose upper bound is below what it must be.",
    )


def _standing(one: _Reviewed) -> tuple[str, Tone]:
    if not one.subject.kind:
        return "not judged", Tone.PLAIN
    if one.suspended:
        return "suspended", Tone.BAD
    if not one.enough:
        return "too few verdicts", Tone.UNKNOWN
    return ("precise enough", Tone.GOOD) if one.tone is Tone.GOOD else ("undecided", one.tone)


def _plot(found: list[_Reviewed]) -> IntervalPlot:
    return IntervalPlot(
        title="How often detectors are right",
        about="For each detector and kind the share of its findings that people called right, with its 95 %"
        " interval and the least that it must be.",
        unit=Unit.SHARE,
        rows=tuple(
            Interval(
                name=one.name,
                value=one.known.value,
                low=one.known.low,
                high=one.known.high,
                n=one.known.verdicts,
                limit=one.floor,
                tone=one.tone,
            )
            for one in found
            if one.known is not None
        ),
        limit_label="must be",
        note="The upright mark is what it must be at least.",
    )


def _audit(material: Material) -> Note:
    audit = material.status.audit
    records, head = (audit.records, audit.head) if audit is not None else (0, None)
    known = f"{wording.counted(records, 'record')}, the last with the digest {head or spelling.NOT_KNOWN}"
    return Note(
        text=f"Who looked, judged and changed what is in the audit chain: {known}. `llm-monitor audit`"
        " verifies it; when a detector was suspended and resumed is there."
    )
