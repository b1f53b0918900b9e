from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest
from tests.operator.model_pods import NOW

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_operator.preflight.fingerprint import fingerprint
from llmmonitor_operator.preflight.refusals import Blame, Refused
from llmmonitor_operator.preflight.suspension import (
    CLEARED_SECONDS,
    FIRST_SECONDS,
    LEFT_ALONE_SECONDS,
    LONGEST_SECONDS,
    after_refusals,
    ends_at,
    suspend,
    under_rules,
)
from llmmonitor_operator.preflight.verdict import NamespaceVerdict

KNOWN = NamespaceVerdict(fingerprint="f", transparent=True, proved_image="i")


def suspended(verdict: NamespaceVerdict = KNOWN, now: float = NOW) -> NamespaceVerdict:
    return suspend(verdict, reasons.INJECTION_SUSPENDED, "exceeded quota", image="i", now=now)


def test_a_suspension_holds_under_the_same_rules_and_the_same_image() -> None:
    verdict = under_rules(suspended(), "f", image="i", now=NOW + FIRST_SECONDS - 1)

    assert (verdict.suspended, verdict.message) == ("InjectionSuspended", "exceeded quota")


@pytest.mark.parametrize(
    ("rules", "image", "later"), [("g", "i", 1), ("f", "j", 1), ("f", "i", FIRST_SECONDS)]
)
def test_it_ends_with_other_rules_another_image_or_time(rules: str, image: str, later: float) -> None:
    verdict = under_rules(suspended(), rules, image=image, now=NOW + later)

    assert (verdict.suspended, verdict.message) == ("", "")
    assert verdict.proved_image == "i"
    assert verdict.suspended_at == NOW + later


def test_under_other_rules_nothing_is_known_of_what_is_admitted() -> None:
    verdict = under_rules(KNOWN, "g", image="i", now=NOW)

    assert (verdict.fingerprint, verdict.transparent, verdict.plain) == ("g", None, None)


def test_each_suspension_lasts_twice_as_long_up_to_a_day() -> None:
    verdict, now, lengths = KNOWN, NOW, []
    for _ in range(12):
        verdict = suspended(under_rules(verdict, "f", image="i", now=now), now)
        lengths.append(ends_at(verdict) - now)
        now = ends_at(verdict)

    assert lengths[:3] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS]
    assert lengths[-1] == LONGEST_SECONDS


def test_one_that_holds_already_is_not_begun_anew() -> None:
    first = suspended()

    assert suspended(first, NOW + 60) == first


REFUSED = Refused("uid-set", "ReplicaSet chat-7d4b9c", NOW + 1, "Timeout: request did not complete")


def after(blame: Blame, at: float, verdict: NamespaceVerdict = KNOWN) -> NamespaceVerdict:
    """The verdict after the set's pod was refused at that time."""
    return after_refusals(verdict, [(replace(REFUSED, at=at), blame)], image="i", now=at)


def test_a_pod_that_would_be_refused_without_a_sidecar_too_suspends_nothing() -> None:
    assert after(Blame.THEIRS, NOW) == KNOWN


def test_one_that_is_refused_for_the_sidecar_suspends_and_says_whose_it_is() -> None:
    verdict = after(Blame.OURS, NOW)

    assert (verdict.suspended, verdict.suspended_at) == ("InjectionSuspended", NOW)
    assert "pods of ReplicaSet chat-7d4b9c are refused" in verdict.message
    assert verdict.message.endswith(REFUSED.words)


def test_in_doubt_it_suspends_and_says_that_this_is_not_known() -> None:
    verdict = after(Blame.UNKNOWN, NOW)

    assert verdict.suspended == "InjectionSuspended"
    assert "cannot be told" in verdict.message


def test_refused_without_the_sidecar_too_it_was_not_the_cause_and_injection_goes_on() -> None:
    suspended = after(Blame.UNKNOWN, NOW)
    at = NOW + LEFT_ALONE_SECONDS

    early = after(Blame.UNKNOWN, at, suspended)
    verdict = after(Blame.UNKNOWN, at + 1, suspended)

    assert early == suspended, "a pod of that moment may have been injected"
    assert (verdict.suspended, verdict.message, verdict.suspensions) == ("", "", 0)
    again = after(Blame.UNKNOWN, at + 300, verdict)
    assert again == verdict, "the same controller suspends nothing for a while"
    other = replace(REFUSED, controller="uid-other", at=at + 300)
    assert after_refusals(verdict, [(other, Blame.UNKNOWN)], image="i", now=at + 300).suspended


def test_an_hour_later_its_pods_are_in_doubt_once_more() -> None:
    at = NOW + LEFT_ALONE_SECONDS + 1
    cleared = after(Blame.UNKNOWN, at, after(Blame.UNKNOWN, NOW))

    assert after(Blame.UNKNOWN, at + CLEARED_SECONDS - 1, cleared).suspended == ""
    assert after(Blame.UNKNOWN, at + CLEARED_SECONDS, cleared).suspended == "InjectionSuspended"


def test_what_is_said_to_be_the_sidecars_is_never_let_pass() -> None:
    at = NOW + LEFT_ALONE_SECONDS + 1
    cleared = after(Blame.UNKNOWN, at, after(Blame.UNKNOWN, NOW))

    assert after(Blame.OURS, at + 1, cleared).suspended == "InjectionSuspended"


def test_a_suspension_for_the_sidecar_is_not_ended_by_refusals() -> None:
    ours = after(Blame.OURS, NOW)
    blocked = suspend(KNOWN, reasons.SIDECAR_BLOCKS_POD, "x", image="i", now=NOW)

    for verdict in (ours, blocked):
        assert after(Blame.UNKNOWN, NOW + LEFT_ALONE_SECONDS + 1, verdict) == verdict


def test_what_was_cleared_is_so_under_the_rules_of_then() -> None:
    at = NOW + LEFT_ALONE_SECONDS + 1
    cleared = after(Blame.UNKNOWN, at, after(Blame.UNKNOWN, NOW))

    assert cleared.cleared
    assert under_rules(cleared, "g", image="i", now=at).cleared == ()


def test_a_namespace_made_anew_under_its_old_name_inherits_nothing() -> None:
    def rules(uid: str) -> str:
        metadata = {"name": "prod", "uid": uid, "labels": {"team": "chat"}}
        return fingerprint({"metadata": metadata}, (), ())

    before, after = (
        rules("0a1b2c3d-1111-4222-8333-444455556666"),
        rules("9a8b7c6d-1111-4222-8333-444455556666"),
    )
    verdict = msgspec.structs.replace(suspended(), fingerprint=before, proved_image="i")

    assert before != after
    assert under_rules(verdict, after, image="i", now=NOW) == NamespaceVerdict(fingerprint=after)
    assert under_rules(verdict, before, image="i", now=NOW).proved_image == "i"
    digest_alone = before.rpartition(".")[2]  # as an operator wrote it that knew nothing of this
    older = msgspec.structs.replace(verdict, fingerprint=digest_alone)
    assert under_rules(older, after, image="i", now=NOW).proved_image == "i"
