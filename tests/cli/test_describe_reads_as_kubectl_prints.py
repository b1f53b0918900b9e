from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from llmmonitor_cli.columns import align
from llmmonitor_cli.describe import Event, age, describe, label

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_every_block_of_lines_is_aligned_by_itself() -> None:
    # given what the example in Go's own documentation of text/tabwriter shows for cells and blocks
    text = "Name:\tchat\nNamespace:\tprod\nStatus:\n  Type:\tReady\n  Observed Generation:\t1\nEnd:\t<none>"

    assert align(text) == (
        "Name:       chat\n"
        "Namespace:  prod\n"
        "Status:\n"
        "  Type:                 Ready\n"
        "  Observed Generation:  1\n"
        "End:                    <none>"
    )


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("lastTransitionTime", "Last Transition Time"),
        ("apiVersion", "API Version"),
        ("uid", "UID"),
        ("podUID", "Pod UID"),
        ("p99", "p99"),
        ("app.kubernetes.io/name", "app.kubernetes.io/name"),
    ],
)
def test_fields_become_words(field: str, words: str) -> None:
    assert label(field) == words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5s"), (119, "119s"), (120, "2m"), (185, "3m5s"), (700, "11m"), (11_000, "3h"), (200_000, "2d")],
)
def test_ages_are_spelled_as_kubectl_does(seconds: int, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (20_999_999.0, "20999999"),
        (0.00012, "0.00012"),
        (1e-5, "1e-05"),
        (123_456.5, "123456.5"),
        (1_234_567.5, "1.2345675e+06"),
        (3e21, "3e+21"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_are_spelled_as_go_does(number: float, text: str) -> None:
    monitor = {"metadata": {"name": "chat"}, "status": {"value": number}}

    assert f"  Value:  {text}\n" in describe(monitor, [], NOW)


def test_long_annotations_are_shortened_and_what_kubectl_applied_is_left_out() -> None:
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "long": "x" * 200,
        "lines": "one\ntwo\n",
    }

    text = describe({"metadata": {"name": "chat", "annotations": annotations}}, [], NOW)

    assert text.splitlines()[3:8] == [
        "Annotations:  lines:",
        "                one",
        "                two",
        "              long:",
        f"                {'x' * 138}...",
    ]


def test_a_monitor_is_described_field_by_field_with_its_events() -> None:
    monitor = {
        "apiVersion": "llmmonitor.io/v1alpha1",
        "kind": "LLMMonitor",
        "metadata": {"name": "chat", "namespace": "prod", "generation": 2, "labels": {"b": "2", "a": "1"}},
        "spec": {"selector": {"matchLabels": {"app": "chat"}}},
        "status": {
            "conditions": [
                {"type": "Ready", "status": "True", "reason": "Monitoring"},
                {"type": "Healthy", "status": "False", "reason": "BurnRateHigh"},
            ],
            "window": {"requests": 12, "coverage": 1.0},
        },
    }
    event = Event("Warning", "BurnRateHigh", "TTFT p99 2.3 s > 1 s", NOW - timedelta(seconds=42))

    assert describe(monitor, [event], NOW) == (
        "Name:         chat\n"
        "Namespace:    prod\n"
        "Labels:       a=1\n"
        "              b=2\n"
        "Annotations:  <none>\n"
        "API Version:  llmmonitor.io/v1alpha1\n"
        "Kind:         LLMMonitor\n"
        "Metadata:\n"
        "  Generation:  2\n"
        "Spec:\n"
        "  Selector:\n"
        "    Match Labels:\n"
        "      App:  chat\n"
        "Status:\n"
        "  Conditions:\n"
        "    Reason:  Monitoring\n"
        "    Status:  True\n"
        "    Type:    Ready\n"
        "    Reason:  BurnRateHigh\n"
        "    Status:  False\n"
        "    Type:    Healthy\n"
        "  Window:\n"
        "    Coverage:  1\n"
        "    Requests:  12\n"
        "Events:\n"
        "  Type     Reason        Age   From         Message\n"
        "  ----     ------        ----  ----         -------\n"
        "  Warning  BurnRateHigh  42s   llm-monitor  TTFT p99 2.3 s > 1 s"
    )
