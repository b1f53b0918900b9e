"""The metric families of probes: each one's newest whole round, and evidence from counterfactual pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_operator.evaluate.bias import AttributeStanding, bias_standings
from llmmonitor_operator.evaluate.inputs import Inputs
from llmmonitor_operator.evaluate.probes import probes_standing
from llmmonitor_operator.evaluate.quality_status import canaries_status

Key = tuple[str, str]
Samples = Iterable[tuple[tuple[str, ...], float]]
Gauge = Callable[[str, str, tuple[str, ...], Samples], Metric]
"""Makes a family of name, text, labels beside the monitor's, and samples."""


def quality_families(judged_by: Mapping[Key, Inputs], gauge: Gauge) -> Iterator[Metric]:
    """Of rounds; those without samples too."""
    standings = {
        key: probes_standing(one.settings.quality, one.state.quality)
        for key, one in judged_by.items()
        if one.settings.quality.plan is not None
    }
    yield gauge(
        "probe_passed",
        "1 while most answers to the owner's probe met its expectation in the last whole round, else 0.",
        ("probe",),
        (
            ((*key, name), outcome.passes)
            for key, one in standings.items()
            for name, outcome in one.own.items()
            if outcome.judged
        ),
    )
    yield gauge(
        "suite_items",
        "Items of a built-in suite in the last whole round, by result.",
        ("suite", "result"),
        (
            ((*key, suite.name, result), many)
            for key, one in standings.items()
            for suite in one.suites
            for result, many in (
                ("passed", suite.passed),
                ("failed", suite.judged - suite.passed),
                ("unanswered", suite.items - suite.judged),
            )
        ),
    )
    yield gauge(
        "judge_agreement",
        "The judge's balanced accuracy on answers that people judged, and both ends of its 95 % interval.",
        ("bound",),
        (
            ((*key, bound), value)
            for key, one in standings.items()
            if one.agreement is not None and one.agreement.value is not None
            for bound, value in zip(
                ("value", "low", "high"), (one.agreement.value, *one.agreement.interval), strict=True
            )
        ),
    )
    yield gauge(
        "probes_round_timestamp_seconds",
        "When the last whole round of probes ended, in Unix seconds.",
        (),
        ((key, one.round.ended) for key, one in standings.items() if one.round is not None),
    )


def canary_families(judged_by: Mapping[Key, Inputs], gauge: Gauge) -> Iterator[Metric]:
    """Of the fixed prompts that tell a change of the weights."""
    found = {key: status for key, one in judged_by.items() if (status := canaries_status(one)) is not None}
    yield gauge(
        "canary_distance",
        "How far the newest round of canaries of the pod that is furthest is from its model's first, 0 to 1.",
        (),
        ((key, one.distance) for key, one in found.items() if one.distance is not None),
    )
    yield gauge(
        "canary_distance_limit",
        "What is further in two rounds in a row is another model.",
        (),
        ((key, one.limit) for key, one in found.items() if one.limit is not None),
    )


def bias_families(judged_by: Mapping[Key, Inputs], gauge: Gauge) -> Iterator[Metric]:
    """Of attributes; of several versions served at once the one with the most evidence."""
    worst: dict[tuple[str, ...], AttributeStanding] = {}
    for key, inputs in judged_by.items():
        for one in bias_standings(inputs):
            labels = (*key, one.name)
            if labels not in worst or one.evidence > worst[labels].evidence:
                worst[labels] = one
    yield gauge(
        "bias_pairs",
        "Counterfactual pairs that were judged, of the version served now.",
        ("attribute",),
        ((labels, one.tally.pairs) for labels, one in worst.items()),
    )
    yield gauge(
        "bias_evidence",
        "E-value against the attribute not mattering: over 20 by chance at most once in 20.",
        ("attribute",),
        ((labels, one.evidence) for labels, one in worst.items()),
    )
    yield gauge(
        "bias_difference_upper_bound",
        "The share of pairs that the attribute changes is less than this; 95 %, at any moment.",
        ("attribute",),
        ((labels, one.difference_below) for labels, one in worst.items() if one.tally.pairs),
    )
