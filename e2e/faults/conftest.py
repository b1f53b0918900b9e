"""A model to watch, on a cluster whose parts may be broken: the tests' own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from e2e.cluster.layout import Layout
from e2e.faults.watched import Watched, own_cluster, watched
from e2e.installed import Installed
from e2e.kubectl import Kubectl


@pytest.fixture
def cluster_of_ours() -> Layout:
    """The cluster whose parts may be broken."""
    return own_cluster()


@pytest.fixture
def model(
    cluster_of_ours: Layout,  # noqa: ARG001 - asked for first: it may skip
    product: Installed,  # noqa: ARG001 - the chart must be there
    proved: Kubectl,
    sidecar_image: str,
) -> Iterator[Watched]:
    """Two pods of a model, one on each node, that all is well with."""
    name = f"faulty-{secrets.token_hex(2)}"  # pods of a test before may still be on their way out, and count
    with watched(proved, name, sidecar_image) as one:
        yield one
