"""What `helm install` and `helm test` say to the person who runs them, and that the test can fail."""

from __future__ import annotations

from e2e.installed import Installed


def test_helm_test_finds_both_answering_and_the_certificate_trusted(
    product: Installed,
) -> None:
    said = product.helm("test", "llm-monitor", "--namespace=llm-monitor", "--logs")

    assert "not well" not in said
    assert "well: llm-monitor-operator /readyz" in said
    assert "well: llm-monitor-webhook certificate for llm-monitor-webhook.llm-monitor.svc" in said
    for kind in ("serviceaccount", "clusterrole", "clusterrolebinding"):
        assert not product.kubectl("get", kind, "llm-monitor-test", "--ignore-not-found")


def test_the_notes_say_what_comes_next_and_what_removes_what_is_kept(
    product: Installed,
) -> None:
    assert "kubectl apply --namespace default" in product.notes
    assert "kubectl describe --namespace default llmmonitor chat" in product.notes
    assert "--selector llmmonitor.io/kept=llm-monitor" in product.notes
