from __future__ import annotations

import msgspec
import pytest
from tests.operator.model_pods import NOW, moment

from llmmonitor_api.conditions import reasons_monitoring as reasons
from llmmonitor_operator.preflight.fingerprint import fingerprint
from llmmonitor_operator.preflight.suspension import (
    FIRST_SECONDS,
    LONGEST_SECONDS,
    ends_at,
    refused_pod,
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


def failed_create(at: float, **fields: object) -> dict[str, object]:
    return {
        "reason": "FailedCreate",
        "message": 'pods "chat-" is forbidden',
        "lastTimestamp": moment(at),
        **fields,
    }


def test_a_pod_refused_since_then_is_told_in_the_api_servers_words() -> None:
    assert refused_pod(failed_create(NOW + 1), NOW) == 'pods "chat-" is forbidden'
    assert refused_pod(failed_create(NOW - 1), NOW) == ""
    assert refused_pod({"reason": "SuccessfulCreate", "lastTimestamp": moment(NOW + 1)}, NOW) == ""


def test_an_event_that_repeats_is_as_new_as_its_last_time() -> None:
    again = failed_create(NOW - 100, series={"lastObservedTime": moment(NOW + 1)})

    assert refused_pod(again, NOW)
    assert refused_pod({"reason": "FailedCreate", "lastTimestamp": None, "eventTime": 7}, NOW) == ""


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
