"""The whole document: every section, and on top what a reader must know who reads nothing else."""

from __future__ import annotations

from importlib.metadata import version

from llmmonitor_cli.report.document import (
    SCHEMA_VERSION,
    Document,
    Figure,
    Figures,
    Section,
    Stretch,
    Subject,
    Summary,
    Tone,
    Verdict,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.sections import SECTIONS, coverage
from llmmonitor_cli.report.verdicts import verdicts

_HEADLINES = {Tone.GOOD: "Healthy", Tone.BAD: "Not healthy"}
_ON_TOP = (("performance", 3), ("cost", 1))
"""Whose first figures, and how many."""


def document(material: Material, period: Period, now: float) -> Document:
    """All that is known of the monitor in the period, as of `now` (Unix seconds)."""
    sections = tuple(section(material, period) for section in SECTIONS)
    engine, pods = material.status.engine, material.status.pods
    return Document(
        schema_version=SCHEMA_VERSION,
        made_at=now,
        made_by=f"llm-monitor {version('llmmonitor-cli')}",
        subject=Subject(
            namespace=material.namespace,
            name=material.name,
            uid=material.uid,
            engine=" ".join(filter(None, (engine.name, engine.version))) if engine is not None else "",
            model=engine.model if engine is not None else "",
            pods=pods.summary if pods is not None else "",
        ),
        period=Stretch(begin=period.begin, end=period.end),
        summary=_summary(material, period, sections),
        sections=sections,
    )


def _summary(material: Material, period: Period, sections: tuple[Section, ...]) -> Summary:
    every = verdicts(material)
    healthy = next((one for one in every if one.condition == "Healthy"), None)
    tone = healthy.tone if healthy is not None else Tone.UNKNOWN
    judged = [one for one in every if one is not healthy]
    return Summary(
        tone=tone,
        headline=_HEADLINES.get(tone, "Health unknown"),
        text=_text(healthy),
        since=healthy.since if healthy is not None else None,
        as_of=material.as_of,
        failing=tuple(one for one in judged if one.tone is Tone.BAD),
        not_judged=tuple(one for one in judged if one.tone is Tone.UNKNOWN),
        figures=tuple(_figures(sections)),
        gaps=coverage.gaps(material, period),
    )


def _text(healthy: Verdict | None) -> str:
    if healthy is None:
        return "The condition Healthy was never set."
    return healthy.message or f"{healthy.reason}."


def _figures(sections: tuple[Section, ...]) -> list[Figure]:
    found: list[Figure] = []
    for name, count in _ON_TOP:
        section = next((one for one in sections if one.id == name), None)
        blocks = section.blocks if section is not None else ()
        first = next((one for one in blocks if isinstance(one, Figures)), None)
        found += first.figures[:count] if first is not None else ()
    return found
