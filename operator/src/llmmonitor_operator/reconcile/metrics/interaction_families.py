"""The metric families of interactions: what detectors found at all replicas, by kind and by detector.

Owner's patterns are in the sidecars' own metrics and in the status: their names could be any number here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import Metric

from llmmonitor_operator.interaction_counts import (
    COMPLIED,
    EXCHANGES,
    FLAGGED,
    FOUND,
    LOOKED_AT,
    READ_IN_PART,
    VERIFIED,
    with_prefix,
)

Key = tuple[str, str]
Samples = Iterable[tuple[tuple[str, ...], float]]
Counter = Callable[[str, str, tuple[str, ...], Samples], Metric]
"""Makes a family of name, text, labels beside the monitor's, and samples."""


def interaction_families(figures: Mapping[Key, Mapping[str, int]], counter: Counter) -> Iterator[Metric]:
    """All of them; those without samples too."""
    yield counter(
        "interaction_exchanges",
        "Ended generating exchanges by whether detectors looked at them.",
        ("looked_at",),
        (
            ((*key, said), n)
            for key, one in figures.items()
            for said, n in (
                ("true", one.get(LOOKED_AT, 0)),
                ("false", max(0, one.get(EXCHANGES, 0) - one.get(LOOKED_AT, 0))),
            )
        ),
    )
    yield counter(
        "interaction_exchanges_read_in_part",
        "Exchanges looked at with a text of more than 32,768 characters, of which detectors read parts.",
        (),
        ((key, one.get(READ_IN_PART, 0)) for key, one in figures.items()),
    )
    yield counter(
        "interactions",
        "Exchanges in which a kind of interaction was found.",
        ("kind", "result"),
        (
            ((*key, kind, result), n)
            for key, one in figures.items()
            for result, prefix in (("flagged", FLAGGED), ("verified", VERIFIED), ("complied", COMPLIED))
            for kind, n in with_prefix(one, prefix)
        ),
    )
    yield counter(
        "findings",
        "Exchanges with a finding, by what found it and in whose text.",
        ("kind", "detector", "version", "origin"),
        (
            ((*key, *map(str, json.loads(found))), n)
            for key, one in figures.items()
            for found, n in with_prefix(one, FOUND)
        ),
    )
