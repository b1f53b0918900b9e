from __future__ import annotations

import msgspec
import pytest

from llmmonitor_api.review import Drawn


@pytest.mark.parametrize("field", ["population", "sample"])
@pytest.mark.parametrize("value", [0, -1, 2**63])
def test_a_case_that_was_drawn_from_none_is_refused(field: str, value: int) -> None:
    drawn = {"case": "a", "batch": "b", "population": 5, "sample": 2, "at": 1.0}
    msgspec.convert(drawn, Drawn)

    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert({**drawn, field: value}, Drawn)
