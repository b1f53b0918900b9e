"""The engine's own counts, and whether the wire says the same: how far the figures here can be trusted."""

from __future__ import annotations

from llmmonitor_api.status.engine_counts import CrossCheckStatus, CrossCheckVerdict, EngineCountsStatus
from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import Block, Figure, Figures, Note, Section, Tone, Unit
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_operator.evaluate import wording

_TONES = {CrossCheckVerdict.AGREES: Tone.GOOD, CrossCheckVerdict.DIFFERS: Tone.BAD}


def section(material: Material, _period: Period) -> Section:
    """Of the status alone, over its window."""
    counts = material.status.engine_counts
    engine = material.status.engine
    who = " ".join(filter(None, (engine.name, engine.version))) if engine is not None else ""
    if counts is None:
        return Section(
            id="engine",
            title="Engine counts against the wire",
            summary=f"What the engine{' ' + who if who else ''} counts itself is not known.",
            tone=Tone.UNKNOWN,
            blocks=_missing(material),
        )
    checks = counts.cross_checks
    differs = [one.name for one in checks if one.verdict is CrossCheckVerdict.DIFFERS]
    agrees = sum(one.verdict is CrossCheckVerdict.AGREES for one in checks)
    tone = Tone.BAD if differs else (Tone.GOOD if agrees else Tone.UNKNOWN)
    summary = (
        "no count of the engine is compared with the wire yet."
        if not checks
        else (
            f"engine and wire do not say the same of {', '.join(differs)}."
            if differs
            else f"{agrees} of {len(checks)} counts were compared and agree; the others cannot be compared."
            if agrees < len(checks)
            else f"all {agrees} counts that engine and wire both have agree."
        )
    )
    blocks: list[Block] = [Figures(figures=tuple(_figures(counts)))]
    if checks:
        blocks.append(
            table(
                "Counted twice",
                "What | Verdict | #Engine | #Wire | #Requests | #Tolerance | In words",
                [_row(one) for one in checks],
                note="Over the status' window of an hour, of the same stretches of time.",
            )
        )
    return Section(
        id="engine",
        title="Engine counts against the wire",
        summary=f"{who or 'The engine'}: {summary}",
        tone=tone,
        blocks=(*blocks, *_missing(material)),
    )


def _figures(one: EngineCountsStatus) -> list[Figure]:
    window = "last hour"
    return [
        spelling.figure("Requests finished", one.requests, Unit.COUNT, window=window),
        spelling.figure("Prompt tokens", one.prompt_tokens, Unit.COUNT, window=window),
        spelling.figure("Completion tokens", one.completion_tokens, Unit.COUNT, window=window),
        spelling.figure("Preemptions", one.preemptions, Unit.COUNT, window=window),
        spelling.figure("Engine restarts", one.restarts, Unit.COUNT, window=window),
        spelling.figure(
            "Mean TTFT, engine's clock",
            one.time_to_first_token_mean_seconds,
            Unit.SECONDS,
            n=one.requests,
            window=window,
        ),
    ]


def _row(one: CrossCheckStatus) -> tuple[str | tuple[str, Tone], ...]:
    unit = Unit.SECONDS if one.name == "time-to-first-token" else Unit.COUNT
    return (
        one.name,
        (one.verdict.value, _TONES.get(one.verdict, Tone.UNKNOWN)),
        spelling.NOT_KNOWN if one.engine is None else spelling.spelled(one.engine, unit),
        spelling.NOT_KNOWN if one.wire is None else spelling.spelled(one.wire, unit),
        f"{one.requests:,}",
        "" if one.tolerance is None else wording.share(one.tolerance),
        one.message,
    )


def _missing(material: Material) -> tuple[Block, ...]:
    engine, counts = material.status.engine, material.status.engine_counts
    notes = []
    if counts is not None and counts.not_read:
        notes.append(Note(text=f"Not read now: {counts.not_read}", tone=Tone.UNKNOWN))
    if engine is not None and engine.missing:
        words = ", ".join(engine.missing)
        notes.append(Note(text=f"Metrics that this engine should have and does not give: {words}."))
    return tuple(notes)
