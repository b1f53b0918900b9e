"""Four weeks of a chat model as an operator keeps them, and what a report is made of by them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.cli.report.kept_weeks import NAME, NAMESPACE, Weeks, objects
from tests.cli.report.kept_weeks import weeks as made

from llmmonitor_cli.report.gathering.found import material_of
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_cli.report.period import Period


@pytest.fixture(scope="session")
def weeks() -> Weeks:
    """As the operator has them in memory."""
    return made()


@pytest.fixture(scope="session")
def kept(weeks: Weeks) -> list[dict[str, Any]]:
    """As they stand in the cluster: the LLMMonitor and its ConfigMaps."""
    return asyncio.run(objects(weeks))


@pytest.fixture(scope="session")
def material(weeks: Weeks, kept: list[dict[str, Any]]) -> Material:
    """As a report reads them."""
    return material_of(
        NAMESPACE, NAME, weeks.monitor, [one for one in kept if one.get("kind") == "ConfigMap"]
    )


@pytest.fixture(scope="session")
def month(weeks: Weeks) -> Period:
    """The thirty days up to then."""
    return Period(weeks.now - 30 * 86_400, weeks.now)
