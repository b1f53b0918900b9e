"""Gives attached sidecars of an older image their successors: what a pass has found becomes what it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_api.report.report import Report
from llmmonitor_api.spec.interception import InterceptionMode
from llmmonitor_operator.attach.decide import Attach
from llmmonitor_operator.attach.succession import Elder, Rules, Turn, turns
from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.pods.pod import next_attachment
from llmmonitor_operator.preflight.mode import ModeChoice, choose_mode
from llmmonitor_operator.reconcile.sidecars.pods_memory import PodsMemory
from llmmonitor_operator.reconcile.sidecars.standing import LOOK_AGAIN_SECONDS, Facts, Standing


def with_successions(
    standings: Sequence[Standing],
    reports: Mapping[str, Report],
    facts: Facts,
    memory: PodsMemory,
    used_bytes: Callable[[Standing], float | None],
) -> tuple[list[Standing], frozenset[str]]:
    """The standings with successors to attach, and the UIDs of pods whose sidecar is to be told to hand over.

    Args:
        standings: of all pods of the monitor.
        reports: of this pass, by pod UID.
        facts: the same that the standings were judged by.
        memory: what the API server refused, and when successors were first heard.
        used_bytes: by a whole pod, where it is known.
    """
    standings = [_said(one, deaf=memory.of(one.expected.uid).unknown_key) for one in standings]
    outdated = [one for one in standings if _to_be_succeeded(one, facts, memory)]
    if not outdated:
        return list(standings), frozenset()
    choices = {one.expected.uid: _choice(one, facts) for one in outdated}
    elders = [
        _elder(
            one,
            reports.get(one.expected.uid),
            facts,
            memory=memory,
            choice=choices[one.expected.uid],
            used_bytes=used_bytes,
        )
        for one in outdated
    ]
    rules = Rules(
        image=facts.common.image,
        memory_limit=facts.common.memory_limit,
        proved=facts.verdict.proves(facts.common.image),
        now=facts.now,
    )
    taken_over_at = {one.expected.uid: memory.of(one.expected.uid).taken_over_at for one in standings}
    found = turns([one.pod for one in standings], [one for one in elders if one], rules, taken_over_at)
    told = frozenset(uid for uid, turn in found.items() if turn.tell)
    return [_with(one, found.get(one.expected.uid), choices) for one in standings], told


def _to_be_succeeded(one: Standing, facts: Facts, memory: PodsMemory) -> bool:
    sidecar = one.sidecar
    if sidecar is None or not sidecar.running or sidecar.kind != "ephemeral" or one.serving is None:
        return False
    return sidecar.image != facts.common.image or memory.of(one.expected.uid).unknown_key


def _said(one: Standing, *, deaf: bool) -> Standing:
    """With the words for a sidecar that believes no key of ours, where nothing else is wrong with it."""
    if not deaf or one.expected.injection:
        return one
    words = "its sidecar believes none of the operator's signing keys"
    if not one.expected.attached:
        words += ": restart the pod"
    expected = replace(one.expected, injection=reasons.OUTDATED.name, injection_message=words)
    return replace(one, expected=expected)


def _choice(one: Standing, facts: Facts) -> ModeChoice:
    assert one.serving is not None  # noqa: S101 - see `_to_be_succeeded`, for the type checker
    return choose_mode(
        facts.monitor,
        one.pod,
        one.serving,
        facts.verdict,
        server_version=facts.common.server_version,
        attaching=True,
        namespace=facts.namespace,
    )


def _elder(  # noqa: PLR0913 - what is known of one pod, each found by another part
    one: Standing,
    report: Report | None,
    facts: Facts,
    *,
    memory: PodsMemory,
    choice: ModeChoice,
    used_bytes: Callable[[Standing], float | None],
) -> Elder | None:
    if one.sidecar is None:
        return None
    known = memory.of(one.expected.uid)
    refused = ""
    if known.refused_attach is not None and facts.now < known.attach_again_at:
        refused = f"its successor is refused: {': '.join(known.refused_attach)}"
    elif choice.mode is None:
        refused = f"its successor is refused: {choice.message}"
    elif (
        choice.mode is Mode.OFF
        and one.sidecar.mode != Mode.OFF
        and facts.monitor.spec.interception.mode is not InterceptionMode.OFF
    ):
        refused = f"its successor could not read traffic: {choice.message}"
    return Elder(
        pod=one.pod,
        sidecar=one.sidecar,
        understands=None if report is None else report.identity.can_hand_over,
        deaf=known.unknown_key,
        memory_used_bytes=used_bytes(one),
        refused=refused,
    )


def _with(one: Standing, turn: Turn | None, choices: Mapping[str, ModeChoice]) -> Standing:
    if turn is None:
        return one
    message = f"{one.expected.injection_message}; {turn.words}"
    busy = turn.attach or turn.tell
    return replace(
        one,
        expected=replace(one.expected, injection_message=message),
        attach=Attach(next_attachment(one.pod), choices[one.expected.uid]) if turn.attach else None,
        look_again_seconds=LOOK_AGAIN_SECONDS if busy else one.look_again_seconds,
    )
