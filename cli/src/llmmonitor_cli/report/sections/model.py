"""Is it still the same model: when it changed and what of it, and what canaries say of its weights."""

from __future__ import annotations

from llmmonitor_api.report.canaries import are_likelihoods
from llmmonitor_cli.report import spelling, timeline
from llmmonitor_cli.report.document import (
    Block,
    Figure,
    Figures,
    Moment,
    Note,
    Point,
    Section,
    Series,
    TimePlot,
    Tone,
    Unit,
)
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period
from llmmonitor_cli.report.tables import table
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.versions.canaries import LEARNT, Canaries, PodCanaries, Reference
from llmmonitor_operator.versions.history import History, ModelChange

_PODS_SHOWN = 12


def section(material: Material, period: Period) -> Section:
    """By what the checkpoint remembers of changes, and of rounds of canaries."""
    history, canaries = material.state.versions, material.state.canaries
    changes = [one for one in history.past if period.holds(one.at)]
    unlisted = not changes and history.changed_at is not None and period.holds(history.changed_at)
    beyond = [name for name, pod, model in _pods(material) if pod.distance > model.limit]
    blocks: list[Block] = [Figures(figures=_figures(material))] if canaries.references else []
    if changes:
        blocks.append(_changes(changes))
    if canaries.references:
        blocks += [_over_time(material, period), _table(material)]
    blocks.append(_told_by(canaries, asked=_asked(material)))
    return Section(
        id="model",
        title="Changes of the model",
        summary=_summary(history, changes, unlisted=unlisted)
        + (f" Canaries of {wording.listed(beyond)} lie beyond their limit." if beyond else ""),
        tone=_tone(history, beyond),
        blocks=tuple(blocks),
    )


def _asked(material: Material) -> bool:
    return material.settings is not None and material.settings.quality.plan is not None


def _summary(history: History, changes: list[ModelChange], *, unlisted: bool) -> str:
    if not history.versions:
        return "No version of the model is known."
    if unlisted and history.changed_at is not None:
        when = spelling.moment(history.changed_at)
        return f"The model changed at {when}; what of it differed is not remembered."
    if not changes:
        return "No change of the model within the period is known of."
    last = changes[-1]
    times = "once" if len(changes) == 1 else f"{len(changes)} times"
    return (
        f"The model changed {times} within the period, the last time at {spelling.moment(last.at)}:"
        f" {last.what}."
    )


def _tone(history: History, beyond: list[str]) -> Tone:
    """Nothing judges a change by itself."""
    if not history.versions:
        return Tone.UNKNOWN
    return Tone.UNKNOWN if beyond else Tone.PLAIN


def _pods(material: Material) -> list[tuple[str, PodCanaries, Reference]]:
    """Pods whose model is known, the furthest from it first."""
    canaries, pods = material.state.canaries, material.state.pods
    found = []
    for uid, one in canaries.pods.items():
        model = canaries.get(one.reference)
        if model is not None:
            pod = pods.get(uid)
            name = (
                pod.newest.pod_name
                if pod is not None and pod.newest is not None
                else f"a pod that is gone ({uid})"
            )
            found.append((name, one, model))
    return sorted(found, key=lambda one: (-one[1].distance / one[2].limit, one[0]))


def _figures(material: Material) -> tuple[Figure, ...]:
    canaries, changes = material.state.canaries, material.state.versions.changes
    worst = next(iter(_pods(material)), None)
    limit = f"limit {wording.number(worst[2].limit)}, pod {worst[0]}" if worst is not None else ""
    tone = Tone.UNKNOWN if worst is not None and worst[1].distance > worst[2].limit else Tone.PLAIN
    return (
        spelling.figure(
            "Furthest from its model now",
            worst[1].distance if worst is not None else None,
            Unit.NUMBER,
            n=worst[2].rounds if worst is not None else None,
            window=limit,
            tone=tone,
        ),
        spelling.figure(
            "Pods asked", len(canaries.pods), Unit.COUNT, window=f"of {len(canaries.references)} models known"
        ),
        spelling.figure("Changes ever", changes, Unit.COUNT, window="since versions are told apart"),
    )


def _changes(changes: list[ModelChange]) -> Block:
    return table(
        "Changes within the period",
        "When | First seen on | From version | To version | What differs",
        [(spelling.moment(one.at), one.pod, one.before, one.after, one.what) for one in reversed(changes)],
        note="A change is said when a version runs that ran nowhere a moment before. Of arguments that may"
        " hold keys only that they differ is known.",
    )


def _over_time(material: Material, period: Period) -> TimePlot:
    hours = timeline.within(material.state.canaries.hours, period, timeline.HOUR)
    step, cut = timeline.step_of(period, timeline.HOUR), timeline.whole(period, timeline.HOUR)
    points: dict[str, list[Point]] = {"distance": [], "limit": []}
    for at, some in timeline.grouped(hours, step, timeline.HOUR).items():
        worst = max(some, key=lambda one: one.distance / one.limit if one.limit else 0.0)
        for name, value in (("distance", worst.distance), ("limit", worst.limit)):
            points[name].append(
                Point(
                    begin=max(cut.begin, float(at * step)),
                    end=min(cut.end, float((at + 1) * step)),
                    value=value,
                    n=sum(one.rounds for one in some),
                )
            )
    changes = [one.at for one in material.state.versions.past if cut.begin <= one.at <= cut.end]
    return TimePlot(
        title="Canaries over time",
        about="The distance of the round of canaries that was furthest from its model, beside the limit of"
        " that model.",
        unit=Unit.NUMBER,
        begin=cut.begin,
        end=cut.end,
        series=tuple(Series(name=name, points=tuple(some)) for name, some in points.items() if some),
        moments=tuple(Moment(at=at, label="model changed") for at in changes),
        note="0 is the same probabilities of first tokens, 1 is none in common; n is rounds. Only two"
        " rounds in a row beyond the limit, and like each other, are another model.",
    )


def _table(material: Material) -> Block:
    found = _pods(material)
    rows = [
        (
            name,
            spelling.moment(one.asked_at),
            model.name,
            wording.number(one.distance),
            wording.number(model.limit),
            str(model.rounds),
            ("beyond the limit", Tone.UNKNOWN) if one.distance > model.limit else ("the same", Tone.GOOD),
        )
        for name, one, model in found[:_PODS_SHOWN]
    ]
    more = f" {len(found) - _PODS_SHOWN} more pods are nearer to theirs." if found[_PODS_SHOWN:] else ""
    return table(
        "Newest round of each pod",
        "Pod | Asked | Model | #Distance | #Limit | #Rounds of it | It is",
        rows,
        note=f"Models are numbered as they were seen; of three at a time it is known what they say. The"
        f" limit is learnt from a model's first {LEARNT} rounds.{more}",
    )


def _told_by(canaries: Canaries, *, asked: bool) -> Note:
    if canaries.references:
        likely = any(are_likelihoods(one.prints) for one in canaries.references)
        how = (
            "the probabilities of first tokens"
            if likely
            else "how greedy answers begin (the engine gives no probabilities)"
        )
        return Note(text=f"Canaries are fixed prompts; told by is {how}. No text of them is kept.")
    if asked:
        return Note(
            text="No round of canaries is known yet: other weights behind the same name may go unseen."
        )
    return Note(
        text="No canaries are asked (spec.quality has no probes): other weights behind the same name are"
        " told by the engine's own words and a sample of their files alone, where these can be read."
    )
