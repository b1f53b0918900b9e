"""Pods as people write them: every document of `manifests/`, by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

MANIFESTS = Path(__file__).parent / "manifests"


@pytest.fixture(scope="session")
def pod_named() -> Callable[[str], dict[str, Any]]:
    """The pod of this name, as the API server would give it."""
    documents = [one for file in sorted(MANIFESTS.glob("*.yaml")) for one in YAML(typ="safe").load_all(file)]
    return {str(one["metadata"]["name"]): one for one in documents}.__getitem__
