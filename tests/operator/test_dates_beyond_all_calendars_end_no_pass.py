"""What a damaged or edited checkpoint says of time is shown as the nearest date that there is."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from tests.operator.conftest import Watch

from llmmonitor_api.report.report import Engine
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.cost.period import date_of
from llmmonitor_operator.evaluate.wording import moment

ENGINE = Engine("llama.cpp", version="b6", model="chat", weights="parameters 1")


@pytest.mark.parametrize("at", [-1e300, -1.0, 2.6e11, 1e300])
def test_a_checkpoint_with_such_times_is_judged_and_kept(watch: Callable[..., Watch], at: float) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = ENGINE
    replica.serve(30)
    one.gather([replica])
    state = one.state
    [version] = state.versions.versions
    version = msgspec.structs.replace(version, first_seen=at, last_seen=at)
    versions = msgspec.structs.replace(state.versions, versions=(version,), changed_at=at)
    state = msgspec.structs.replace(state, versions=versions, begun_anew="lost", begun_anew_at=at)
    one.state = decode(encode(state).data)

    result = one.gather([replica])

    assert result.status["versions"][0]["firstSeen"] in {"1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}
    assert decode(encode(result.state).data).begun_anew_at == at


def test_the_first_and_the_last_date_stand_for_all_beyond() -> None:
    assert (moment(1e300), moment(-5.0)) == ("9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z")
    assert (date_of(10**15).year, date_of(-(10**15)).year, str(date_of(0))) == (9999, 1, "1970-01-01")
