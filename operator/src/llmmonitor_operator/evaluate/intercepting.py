"""Intercepting: traffic is being read, and what share of it.

Each replica says how it reads (`InterceptionState`); one that does not decides, and one that cannot decides
before one that only waits. Copies that the analyser had no time for (`Shedding`) and connections that cannot
be read (TLS, HTTP/2) are figures of the last window.
"""

from __future__ import annotations

from llmmonitor_api.conditions import Reason, Status, table
from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.conditions import reasons_shared as shared
from llmmonitor_api.conditions.registry import UnknownReasonError
from llmmonitor_api.report.totals import InterceptionCounts
from llmmonitor_operator.evaluate import crosscheck, wording
from llmmonitor_operator.evaluate.environment import ExpectedPod
from llmmonitor_operator.evaluate.inputs import Inputs, Verdict, nothing_to_judge_by
from llmmonitor_operator.figures import NOT_JUDGED, Figures
from llmmonitor_operator.state import Source

WINDOW_SECONDS = 300.0
TLS = "tls"
_OFF = "Off"
_NOT_WANTED = frozenset({_OFF, "Stopped", "Stopping"})
"""What a sidecar says that was told not to read; every other word of it is a reason of the condition."""


def judge(inputs: Inputs) -> Verdict:
    """By every fresh replica's own word, then by what was shed or unreadable."""
    if not inputs.settings.intercepts:
        return Verdict(shared.NOT_CONFIGURED, "spec.interception.mode is Off")
    nothing = nothing_to_judge_by(inputs)
    if nothing:
        return nothing
    blind = [(name, source) for name, source in inputs.fresh if not source.interception.reading]
    if blind:
        told = {pod.name: pod.expected for pod in inputs.pods if pod.expected.not_reading}
        texts = [_blind_text(name, source, told.get(name)) for name, source in blind]
        found = [_reason(source, told.get(name)) for name, source in blind]
        worst = next((reason for reason in found if reason.status is Status.FALSE), found[0])
        return Verdict(worst, "; ".join([wording.listed(texts), _coverage(inputs)]))
    if not any(source.packed.has_connections for _, source in inputs.fresh):
        words = [
            "no connection has come yet",
            _coverage(inputs),
            *_not_drained(inputs),
            *crosscheck.unread(inputs),
        ]
        return Verdict(reasons.NO_TRAFFIC_YET, "; ".join(words))
    return _of_what_came(inputs)


def _of_what_came(inputs: Inputs) -> Verdict:
    if not inputs.state.has_unread(WINDOW_SECONDS):
        return _read(inputs, [])
    figures = inputs.window(WINDOW_SECONDS)
    counts = figures.interception
    window = wording.duration(WINDOW_SECONDS)
    encrypted = counts.opaque_connections.get(TLS, 0)
    if encrypted and not figures.ended:
        connections = wording.counted(encrypted, "connection")
        return Verdict(reasons.ENCRYPTED, f"{connections} in {window}, all TLS: forwarded, not readable")
    if counts.shed_connections or counts.exchanges_not_analysed:
        return Verdict(reasons.SHEDDING, f"{_shed(figures)} over {window}; {_coverage(inputs)}")
    missed = _missed(counts)
    return _read(inputs, [f"in the last {window} {', '.join(missed)}"] if missed else [])


def _read(inputs: Inputs, remarks: list[str]) -> Verdict:
    words = [_coverage(inputs), *_not_drained(inputs), *remarks, *crosscheck.unread(inputs)]
    return Verdict(reasons.TRAFFIC_READ, "; ".join(words))


def _missed(counts: InterceptionCounts) -> list[str]:
    """What was not read, though interception is on."""
    found = []
    if counts.blind_nanoseconds:
        found.append(f"new connections were not read for {wording.latency(counts.blind_nanoseconds * 1e-9)}")
    if counts.unknown_connections:
        connections = wording.counted(counts.unknown_connections, "connection")
        found.append(f"{connections} from before the analyser started could not be read")
    opaque = sum(counts.opaque_connections.values())
    if opaque:
        found.append(f"{wording.counted(opaque, 'connection')} could not be read (TLS, HTTP/2 or an upgrade)")
    return found


def _reason(source: Source, told: ExpectedPod | None) -> Reason:
    """What the sidecar found is truer than why it was not to read at all."""
    said = source.interception.reason
    if said == _OFF and told:
        said = told.not_reading
    if said in _NOT_WANTED:
        return shared.NOT_CONFIGURED
    try:
        return table.INTERCEPTING.reason(said)
    except UnknownReasonError:  # a newer sidecar's word
        return reasons.RELAY_STALLED


def _blind_text(name: str, source: Source, told: ExpectedPod | None) -> str:
    state = source.interception
    if state.reason == _OFF and told:
        return f"{name}: {told.not_reading} ({told.not_reading_message})"
    return f"{name}: {state.reason or 'not reading'}" + (f" ({state.message})" if state.message else "")


def _coverage(inputs: Inputs) -> str:
    states = [source.interception for _, source in inputs.fresh]
    read = sum(state.read_connections for state in states)
    bypassing = sum(state.bypassing_connections for state in states)
    every = read + bypassing
    if not every:
        return "no connection is open"
    connections = wording.counted(every, "connection")
    verb = "is" if every == 1 else "are"
    return f"{wording.count(read)} of {connections} {verb} read ({wording.share(read / every)})"


def _not_drained(inputs: Inputs) -> list[str]:
    """Where the owner wants bypassing connections closed, and that is not possible."""
    told = [(name, source.interception.cannot_drain) for name, source in inputs.fresh]
    texts = [f"{name}: {words}" for name, words in told if words]
    return [f"connections from before cannot be closed (DrainIdle): {wording.listed(texts)}"] if texts else []


def _shed(figures: Figures) -> str:
    counts = figures.interception
    ended = figures.ended
    unread = max(counts.exchanges_not_analysed, sum(figures.outcomes.get(one, 0) for one in NOT_JUDGED))
    of_requests = f", {wording.share(unread / ended)} of requests" if ended else ""
    return (
        f"{wording.counted(counts.shed_connections, 'connection')} not analysed{of_requests}"
        f" ({wording.size(counts.shed_bytes)} of copies dropped)"
    )
