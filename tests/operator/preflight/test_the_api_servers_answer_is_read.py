"""Messages are those of Kubernetes 1.34 and of policies in use, word by word."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.operator.model_pods import plan, running_pod

from llmmonitor_operator.inject.plan import Mode
from llmmonitor_operator.preflight.dry_run import Answer, attaching, learned, read_answer
from llmmonitor_operator.preflight.verdict import NamespaceVerdict

CHART = Path(__file__).parents[3] / "charts" / "llm-monitor"
BASELINE = (
    'pods "chat-a" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities (container '
    '"llm-monitor-1" must not include "NET_ADMIN" in securityContext.capabilities.add)'
)
NOT_OURS = (
    'pods "chat-a" is forbidden: User "system:serviceaccount:llm-monitor:llm-monitor-operator" cannot patch '
    'resource "pods/ephemeralcontainers" in API group "" in the namespace "prod"'
)
POLICY = (
    "pods \"chat-a\" is forbidden: ValidatingAdmissionPolicy 'no-debug' with binding 'all' denied request: "
    "ephemeral containers are not allowed"
)
UPGRADE = (
    "pods \"chat-a\" is forbidden: ValidatingAdmissionPolicy 'llm-monitor-attach' with binding "
    "'llm-monitor-attach' denied request: Only the image registry.test/sidecar@sha256:87a6 may be attached: "
    "the chart's sidecar.image."
)
KYVERNO = (
    'admission webhook "validate.kyverno.svc-fail" denied the request: \n\n'
    "resource Pod/prod/chat-a was blocked due to the following policies"
)
DOWN = (
    'Internal error occurred: failed calling webhook "validate.kyverno.svc-fail": failed to call webhook: '
    'Post "https://kyverno-svc.kyverno.svc:443/validate/fail?timeout=10s": context deadline exceeded'
)
NO_DRY_RUN = 'admission webhook "audit.example.com" does not support dry run'
SCC = 'pods "chat-a" is forbidden: unable to validate against any security context constraint: [...]'


@pytest.mark.parametrize(
    ("status", "message", "admitted", "refused_by", "untestable"),
    [
        (200, "", True, "", False),
        (403, BASELINE, False, "PodSecurityForbids", False),
        (403, NOT_OURS, None, "", False),
        (422, POLICY, False, "InjectionSuspended", False),
        (403, POLICY, False, "InjectionSuspended", False),
        (422, UPGRADE, None, "", False),
        (400, KYVERNO, False, "InjectionSuspended", False),
        (403, SCC, False, "InjectionSuspended", False),
        (500, DOWN, None, "", False),
        (400, NO_DRY_RUN, None, "", True),
        (404, 'pods "chat-a" not found', None, "", False),
        (409, "the object has been modified", None, "", False),
        (422, 'Pod "chat-a" is invalid: spec.ephemeralContainers[0].name: Duplicate value', None, "", False),
        (429, "too many requests", None, "", False),
        (504, "Timeout: request did not complete within the allotted timeout", None, "", False),
        (0, "", None, "", False),
    ],
)
def test_only_a_judgement_of_the_sidecar_is_a_refusal(
    status: int, message: str, *, admitted: bool | None, refused_by: str, untestable: bool
) -> None:
    answer = read_answer(status, message)

    assert (answer.admitted, answer.refused_by, answer.untestable) == (admitted, refused_by, untestable)
    assert bool(answer.words) is (admitted is not True)


def test_our_own_policy_says_so_in_these_words() -> None:
    policy = (CHART / "templates" / "policies" / "attach.yaml").read_text()

    assert "may be attached: the chart's sidecar.image." in policy


def test_of_pod_security_the_very_words_are_kept() -> None:
    assert read_answer(403, BASELINE).words == BASELINE.partition("forbidden: ")[2]


def test_attaching_is_a_patch_of_this_very_pod() -> None:
    pod = running_pod()

    patch = attaching(pod, plan(pod), 3)

    assert patch["metadata"] == {"uid": "uid-chat-a"}
    (container,) = patch["spec"]["ephemeralContainers"]
    assert (container["name"], container["targetContainerName"]) == ("llm-monitor-3", "vllm")
    assert "resources" not in container


def test_refused_with_net_admin_and_admitted_without_keeps_the_refusals_words() -> None:
    refused = learned(NamespaceVerdict(), Mode.TRANSPARENT, read_answer(403, BASELINE))
    verdict = learned(refused, Mode.OFF, Answer(admitted=True))

    assert (verdict.transparent, verdict.plain) == (False, True)
    assert "NET_ADMIN" in verdict.refusal
    assert verdict.refused_by == "PodSecurityForbids"


def test_admitted_again_forgets_the_refusal() -> None:
    refused = learned(NamespaceVerdict(), Mode.TRANSPARENT, read_answer(403, BASELINE))

    verdict = learned(refused, Mode.TRANSPARENT, Answer(admitted=True))
    assert (verdict.transparent, verdict.refusal, verdict.refused_by) == (True, "", "")


def test_an_answer_that_judges_nothing_leaves_what_is_known() -> None:
    known = NamespaceVerdict(transparent=True, proved_image="i")

    assert learned(known, Mode.TRANSPARENT, read_answer(404, "not found")).transparent is True


def test_a_webhook_that_serves_no_dry_runs_makes_the_namespace_untestable_until_one_is_served() -> None:
    verdict = learned(NamespaceVerdict(), Mode.TRANSPARENT, read_answer(400, NO_DRY_RUN))
    assert (verdict.transparent, verdict.untestable, verdict.message) == (None, True, NO_DRY_RUN)

    verdict = learned(verdict, Mode.TRANSPARENT, Answer(admitted=True))
    assert (verdict.transparent, verdict.untestable, verdict.message) == (True, False, "")


def test_the_message_of_a_suspension_is_not_written_over() -> None:
    suspended = NamespaceVerdict(suspended="SidecarBlocksPod", message="ErrImagePull")

    assert learned(suspended, Mode.TRANSPARENT, read_answer(404, "gone")).message == "ErrImagePull"
    assert learned(suspended, Mode.TRANSPARENT, Answer(admitted=True)).message == "ErrImagePull"
