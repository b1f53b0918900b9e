"""Where the model's cgroup cannot be read: pages of mapped weights may be charged to somebody else."""

from __future__ import annotations

import pytest

from llmmonitor_sidecar.samplers.process_tree import TreeFigures

GIB = 1024**3


@pytest.mark.parametrize(
    ("own", "shared", "limit", "charged"),
    [
        (4, 3, 8, 7),
        (4, 4, 8, 8),
        (4, 12, 8, 4),
        (9, 1, 8, 9),
        (4, 12, None, 16),
    ],
)
def test_memory_is_not_more_than_a_limit_lets_there_be_by_mapped_pages(
    own: int, shared: int, limit: int | None, charged: int
) -> None:
    figures = TreeFigures(own_bytes=own * GIB, largest_shared_bytes=shared * GIB)

    assert figures.charged_bytes(None if limit is None else limit * GIB) == charged * GIB
