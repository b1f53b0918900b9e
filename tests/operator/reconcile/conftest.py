from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.operator.kube_server import KubeServer
from tests.operator.reconcile.operator_world import World, operating

from llmmonitor_operator.kube.api import Kube


@pytest.fixture
async def world(server: KubeServer, kube: Kube) -> AsyncIterator[World]:
    async with operating(server, kube) as running:
        yield running
