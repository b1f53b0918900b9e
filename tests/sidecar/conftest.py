from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.sidecar.whole_sidecar import Whole


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Whole]]:
    started: list[Whole] = []

    def start_one(**settings: Any) -> Whole:
        started.append(Whole(tmp_path / "log", **settings))
        return started[-1]

    yield start_one
    for one in started:
        one.end()
