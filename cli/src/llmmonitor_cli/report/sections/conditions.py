"""Conditions: everything that was judged, since when and why, and how it stood over the period."""

from __future__ import annotations

from llmmonitor_cli.report import spelling
from llmmonitor_cli.report.document import Section, Tone
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.sections.condition_course import course
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts


def section(material: Material, period: Period) -> Section:
    """All conditions in one table."""
    found = verdicts(material)
    if not found:
        return Section(
            id="conditions",
            title="Conditions",
            summary="No condition was ever set.",
            tone=Tone.UNKNOWN,
        )
    by_status = {status: [one for one in found if one.status == status] for status in ("False", "Unknown")}
    bad, unknown = (len(by_status[status]) for status in ("False", "Unknown"))
    changed = [one for one in found if one.since is not None and period.holds(one.since)]
    as_of = f" as of {spelling.moment(material.as_of)}" if material.as_of is not None else ""
    return Section(
        id="conditions",
        title="Conditions",
        summary=(
            f"Of {len(found)} conditions{as_of} {len(found) - bad - unknown} are True, {bad} False and"
            f" {unknown} Unknown; {len(changed)} last changed within the period."
        ),
        tone=tone_of(tuple(one for one in found if one.condition == "Healthy")),
        blocks=(
            table(
                "All conditions",
                "Condition | Status | Reason | Since | What was found",
                [
                    (
                        one.condition + ("" if one.gating else " (advisory)"),
                        (one.status, one.tone),
                        one.reason,
                        spelling.moment(one.since) if one.since is not None else spelling.NOT_KNOWN,
                        one.message,
                    )
                    for one in found
                ],
                note="Advisory conditions do not turn Healthy. Unknown is no verdict: neither good nor bad.",
            ),
            *course(material, period),
        ),
    )
