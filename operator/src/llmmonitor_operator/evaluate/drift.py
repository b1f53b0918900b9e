"""DriftFree: requests and answers look as the baseline does.

Windows are judged where they close (`drift/`); here their verdicts are read and worded. A verdict stands
until the next window, however long that takes to fill as usual. While the baseline is learnt there are
provisional scores.
"""

from __future__ import annotations

from llmmonitor_api.conditions import reasons_content as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.report.features import TEXT
from llmmonitor_api.spec.drift import DriftFeature
from llmmonitor_api.status import DriftStatus, DriftVerdict
from llmmonitor_operator.drift.judge import OUTPUT, Score
from llmmonitor_operator.drift.null import WINDOWS_NEEDED
from llmmonitor_operator.drift.watch import Track, Watch, input_moved, suspects_model
from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, nothing_to_judge_by

_NEARLY_ALL = 0.95
_WINDOWS_STANDS = 4
"""A verdict is too old after so many times the time that its window took."""


def judge(inputs: Inputs) -> Verdict:
    """By the last window's scores."""
    if not inputs.environment.cluster:
        return Verdict(shared.NOT_APPLICABLE, "a baseline takes days: drift is judged in a cluster")
    if nothing := nothing_to_judge_by(inputs):
        return nothing
    watch = inputs.state.drift
    if not watch.judging:
        return Verdict(shared.BASELINE_INCOMPLETE, _provisional(inputs))
    age = inputs.now - watch.window_at
    if age > max(inputs.settings.hold_for_seconds, _WINDOWS_STANDS * watch.window_seconds):
        words = f"the last window of {_requests(inputs)} ended {wording.duration(age)} ago"
        return Verdict(shared.NO_TRAFFIC, words, watch.window_at)
    unknown = _not_known(inputs)
    alarms = watch.alarms
    if not alarms:
        return Verdict(reasons.NO_DRIFT, f"{_quiet(watch)}{unknown}", watch.window_at)
    asked = [name for name in alarms if name not in OUTPUT]
    words = "; ".join(_alarm(name, watch.tracks[name]) for name in (*asked, *sorted({*alarms} - {*asked})))
    reason = reasons.INPUT_DRIFT if asked else reasons.OUTPUT_DRIFT
    return Verdict(reason, f"{words}; {_cause(inputs)}{unknown}", watch.window_at)


def drift_status(inputs: Inputs) -> tuple[DriftStatus, ...]:
    """Each feature's last window, in the order in which the spec has them."""
    watch = inputs.state.drift
    return tuple(
        _feature(DriftFeature(name), watch.tracks[name], judging=watch.judging)
        for name in inputs.settings.drift.features
        if name in watch.tracks
    )


def _feature(feature: DriftFeature, track: Track, *, judging: bool) -> DriftStatus:
    score = track.score
    verdict = DriftVerdict.DRIFT if track.alarm_since is not None else DriftVerdict.NO_DRIFT
    return DriftStatus(
        feature=feature,
        verdict=verdict if judging else DriftVerdict.PROVISIONAL,
        score=score.psi,
        threshold=score.threshold,
        overdispersion=score.overdispersion or None,
        window_requests=score.n,
        baseline_requests=score.baseline,
    )


def _provisional(inputs: Inputs) -> str:
    watch, settings = inputs.state.drift, inputs.settings.drift
    if not watch.window_at:
        n = wording.count(watch.open.requests)
        return f"Provisional: no window of {_requests(inputs)} is full yet (n={n})"
    spans = f"{wording.duration(watch.baseline_seconds)} of {wording.duration(settings.min_seconds)}"
    windows = f"{watch.baseline_windows} of at least {WINDOWS_NEEDED} windows, one an hour at most"
    text = f"Provisional: the baseline spans {spans} and has {windows} (n={watch.baseline_requests:,})"
    scores = [(track.score.psi, name) for name, track in watch.tracks.items()]
    if not scores:
        return text
    psi, name = max(scores)
    return f"{text}; highest score of the last window: {name} PSI {wording.number(psi)}"


def _quiet(watch: Watch) -> str:
    judged = {name: track for name, track in watch.tracks.items() if track.score.threshold}
    name = max(judged, key=lambda one: judged[one].score.psi / (judged[one].score.threshold or 1), default="")
    if not name:
        return "no feature was known of most requests of the last window"
    words = f"none of {wording.counted(len(judged), 'feature')} drifted; nearest: {name}"
    return f"{words} {_score(judged[name].score, '<=' if not judged[name].score.over else '>')}"


def _alarm(name: str, track: Track) -> str:
    since = wording.moment(track.alarm_since or 0.0)
    return f"{name} {_score(track.score, '>' if track.score.over else '<=')} since {since}"


def _score(score: Score, sign: str) -> str:
    """`PSI 0.31 > 0.12 (n=512, baseline n≈84,000; overdispersion 4.2; 8 of 10 changes of ...)`."""
    limit, found = wording.number(score.threshold or 0.0), wording.number(score.found_from)
    sizes = f"n={wording.count(score.n)}, baseline n≈{wording.count(score.baseline)}"
    power = f"a change of PSI {found} is found 8 times in 10"
    phi = wording.number(score.overdispersion)
    return f"PSI {wording.number(score.psi)} {sign} {limit} ({sizes}; overdispersion {phi}; {power})"


def _cause(inputs: Inputs) -> str:
    """What is asked the same is answered otherwise, or it is known that another model answers."""
    watch = inputs.state.drift
    changed = _changed_with(inputs)
    if suspects_model(watch):
        words = "suspect the model: answers moved for prompts of like length, and no feature of the input did"
        return f"{words}; {changed}" if changed else words
    if all(name not in OUTPUT for name in watch.alarms):
        return "the input moved, the answers did not"
    if changed and not input_moved(watch):
        return f"suspect the model: {changed}, and no feature of the input moved"
    return "input or model: cannot tell"


def _changed_with(inputs: Inputs) -> str:
    """When canaries or its fingerprint told of another model, if that was with the alarms of the answers."""
    watch, changed_at = inputs.state.drift, inputs.state.versions.changed_at
    since = [watch.tracks[name].alarm_since or 0.0 for name in watch.alarms if name in OUTPUT]
    if changed_at is None or not since:
        return ""
    if not min(since) - watch.window_seconds <= changed_at <= watch.window_at:
        return ""
    return f"it changed at {wording.moment(changed_at)}"


def _not_known(inputs: Inputs) -> str:
    """Features that the spec asks for and the sidecars do not tell, or not of most requests."""
    watch = inputs.state.drift
    missing = [
        name
        for name in inputs.settings.drift.features
        if name not in watch.tracks or watch.tracks[name].at < watch.window_at
    ]
    sampled = _sampled(watch) if not TEXT.isdisjoint(inputs.settings.drift.features) else ""
    return f"{sampled}; not judged: {', '.join(missing)}" if missing else sampled


def _sampled(watch: Watch) -> str:
    """Of how many texts what is found in texts is, where that is not nearly all."""
    if not watch.window_texts or watch.window_texts >= _NEARLY_ALL * watch.window_requests:
        return ""
    texts, requests = wording.count(watch.window_texts), wording.count(watch.window_requests)
    return f"; of {requests} requests the text of {texts} was looked at"


def _requests(inputs: Inputs) -> str:
    return wording.counted(inputs.settings.drift.window, "request")
