"""Coverage: what this page rests on, what of the period is known, and in which detail."""

from __future__ import annotations

from llmmonitor_cli.report import spelling, timeline
from llmmonitor_cli.report.document import Block, Note, Section, Stretch, Tone
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_cli.report.verdicts import tone_of, verdicts
from llmmonitor_operator.anomalies.cell import CELL_SECONDS
from llmmonitor_operator.anomalies.history import DAYS
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.windows import COUNT_TIERS, FIGURE_TIERS

_MONITORING = ("Ready", "Injected", "Reporting", "Intercepting")
_GAP_SECONDS = 3_600
_GAPS_SHOWN = 5


def gaps(material: Material, period: Period) -> tuple[str, ...]:
    """What of the period is not covered, each in a sentence; the worst first."""
    found = list(material.missing)
    state, end = material.state, material.as_of
    if end is not None and end < period.end - _GAP_SECONDS:
        found.append(
            f"Nothing is known after {spelling.moment(end)}, when the newest of what is kept was written;"
            f" the period ends {spelling.moment(period.end)}."
        )
    if state.begun_anew and state.begun_anew_at > period.begin:
        found.append(
            f"Windows and baselines began anew at {spelling.moment(state.begun_anew_at)}, because a"
            " checkpoint"
            f" could not be read ({state.begun_anew}): counts from before are missing."
        )
    if state.forgotten_until is not None and state.forgotten_until > period.begin:
        found.append(
            "For want of room a checkpoint left out counters of pods that were last heard of until"
            f" {spelling.moment(state.forgotten_until)}: what these counted unread is missing."
        )
    cells = timeline.within(material.cells, period)
    first = min(cells, default=None)
    if first is None:
        found.append("Of no five minutes of the period is a request known.")
    else:
        begin = first * CELL_SECONDS
        if begin > period.begin + _GAP_SECONDS:
            found.append(
                f"Figures in steps of five minutes begin {spelling.moment(begin)} ({DAYS} days are kept, and"
                " before the first request there are none)."
            )
        middle = [one for one in timeline.holes(cells, period) if begin < one.begin and one.end < period.end]
        found += _between(middle)
    lost = sum(pod.lost_seconds for pod in state.pods.values())
    if lost:
        found.append(
            f"Between lives of sidecars {wording.duration(lost)} went uncounted, over all pods that are"
            " known."
        )
    return tuple(found)


def section(material: Material, period: Period) -> Section:
    """Where everything comes from."""
    missing = gaps(material, period)
    found = verdicts(material, *_MONITORING)
    coverage = material.status.window.coverage if material.status.window is not None else None
    words = (
        f"{wording.share(coverage)} of open connections were being read at the last report. "
        if coverage is not None
        else ""
    )
    cells = timeline.within(material.cells, period)
    share = min(1.0, len(cells) * CELL_SECONDS / period.seconds)
    summary = f"{words}Requests are known of {wording.share(share)} of the period's five minutes."
    blocks: list[Block] = [_sources(material)]
    blocks += [Note(text=one, tone=Tone.UNKNOWN) for one in missing]
    return Section(
        id="coverage",
        title="What this page rests on",
        summary=summary,
        tone=tone_of(found) if found else Tone.UNKNOWN,
        verdicts=found,
        blocks=tuple(blocks),
    )


def _between(holes: list[Stretch]) -> list[str]:
    """Stretches in the middle without a request, the longest first."""
    if not holes:
        return []
    seconds = sum(one.end - one.begin for one in holes)
    longest = sorted(holes, key=lambda one: one.begin - one.end)[:_GAPS_SHOWN]
    shown = "; ".join(
        f"{spelling.moment(one.begin)} for {wording.duration(one.end - one.begin)}" for one in longest
    )
    more = f" (the longest {_GAPS_SHOWN})" if len(holes) > _GAPS_SHOWN else ""
    stretches = "1 stretch" if len(holes) == 1 else f"{len(holes)} stretches"
    words = (
        f"In {stretches} of an hour or more, {wording.duration(seconds)} in all, no request is known of: none"
        f" came, or nothing was read{more}: {shown}."
    )
    return [words]


def _sources(material: Material) -> Block:
    state = material.state
    saved = spelling.moment(material.saved_at) if material.saved_at is not None else spelling.NOT_KNOWN
    newest = spelling.moment(state.newest_at) if state.newest_at is not None else spelling.NOT_KNOWN
    reach = " / ".join(wording.duration(tier.reach_seconds) for tier in COUNT_TIERS)
    quantiles = " in steps of ".join(
        wording.duration(one) for one in (FIGURE_TIERS[-1].reach_seconds, FIGURE_TIERS[-1].cell_seconds)
    )
    cell = " / ".join(wording.duration(tier.cell_seconds) for tier in COUNT_TIERS)
    return table(
        "Sources",
        "What | From | As of | How far back, in which detail",
        [
            ("Conditions, figures of the last hour", _status(material), newest, "now"),
            ("Events of objectives and limits", "checkpoint", saved, f"{reach}, in steps of {cell}"),
            ("Quantiles", "checkpoint", saved, quantiles),
            (
                "Traffic and speed",
                "history of anomalies",
                _newest_cell(material),
                f"{DAYS} d, in steps of 5 min; counts within 5 % a step",
            ),
            (
                "Invalid requests",
                "checkpoint",
                saved,
                f"{reach}, in steps of {cell}; since the last model change",
            ),
            ("Outcomes", "checkpoint", saved, "3 d / 31 d, in steps of 1 h / 1 d"),
            ("How conditions stood", "checkpoint", saved, "the newest 40 changes of each"),
            ("Changes of the model, canaries", "checkpoint", saved, "the newest 30; 200 hours with a round"),
            ("People's verdicts", "checkpoint", saved, "the newest 400 batches of cases"),
            ("Drift", "checkpoint and baseline", saved, "the last window; the baseline up to 56 d"),
            ("Probes and bias", "checkpoint", saved, "the newest four rounds; pairs of 24 attributes"),
            ("Cost", "checkpoint", saved, "400 d, by the day (UTC)"),
        ],
        note="A checkpoint is written at most every five minutes, histories once an hour.",
    )


def _status(material: Material) -> str:
    return "LLMMonitor's status" if material.has_status else "checkpoint (the LLMMonitor is gone)"


def _newest_cell(material: Material) -> str:
    last = max(material.cells, default=None)
    return spelling.NOT_KNOWN if last is None else spelling.moment((last + 1) * CELL_SECONDS)
