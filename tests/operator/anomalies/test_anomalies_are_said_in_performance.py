from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.operator.anomalies.streams import Stream
from tests.operator.conftest import START

from llmmonitor_operator.anomalies.advance import advanced, learning_due, learnt_anew
from llmmonitor_operator.anomalies.cell import CELL_SECONDS, CELLS_A_DAY
from llmmonitor_operator.anomalies.detector import Track
from llmmonitor_operator.anomalies.history import History, kept
from llmmonitor_operator.anomalies.watch import Watch as Anomalies
from llmmonitor_operator.checkpoint import decode, encode
from llmmonitor_operator.packed_figures import read_in, written_out
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics
from llmmonitor_operator.state import State

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]
KIND = "PerformanceHealthy"
UID = "uid-of-the-monitor"
FIRST_DAY = int(START // 86_400) - 16
INTERVALS = CELL_SECONDS // 15


def history(days: int) -> History:
    """Of a service that answers as the replicas of these tests do: 15 requests of 0.2 s each 15 s."""
    stream, made = Stream(requests=200), History()
    for at in range(FIRST_DAY * CELLS_A_DAY, (FIRST_DAY + days) * CELLS_A_DAY):
        cell = stream.cell(CELLS_A_DAY // 4)  # no time of day
        made = kept(made, {at: cell}, (at + 1) * CELL_SECONDS + 60.0)
    return made


@pytest.fixture(scope="module")
def known() -> tuple[History, Anomalies]:
    """Sixteen days and what was learnt from them."""
    made = history(days=16)
    return made, learnt_anew(Anomalies(), made, UID, START)


def minutes(one: Any, replica: Any, past: History, cells: int, **how: Any) -> History:
    """Serve for so many cells, as passes would see it."""
    for _ in range(cells * INTERVALS):
        replica.serve(8, **how)
        one.collect([replica])
        one.state, past = advanced(one.state, past, one.now)
    return past


def test_requests_that_stop_finishing_are_an_anomaly_with_its_begin_and_numbers(
    watch: Make, said: Said, known: tuple[History, Anomalies]
) -> None:
    past, learnt = known
    one = watch()
    one.state = State(anomalies=learnt)
    replica = one.replica()
    past = minutes(one, replica, past, 3, ttft=0.223)
    before = said(one.judge(), KIND)
    begin = one.now
    for _ in range(5 * INTERVALS):
        replica.serve(2, ttft=0.223)
        replica.totals.begun += 6  # and never end
        one.collect([replica])
        one.state, past = advanced(one.state, past, one.now)

    status, reason, message = said(one.judge(), KIND)

    assert before[:2] == ("True", "ObjectivesHold")
    assert "anomalies" not in before[2]
    assert (status, reason) == ("False", "Anomaly")
    assert "requests finished 0.2" in message
    since = f"{int((begin // CELL_SECONDS) * CELL_SECONDS)}"
    assert one.state.anomalies.tracks["requests finished"].alarm_since == int(since) // CELL_SECONDS
    assert "by chance" in message
    assert "the limit of a family of signals is 1 in 30 d" in message


def test_each_signal_that_is_watched_is_a_series(watch: Make, known: tuple[History, Anomalies]) -> None:
    one = watch()
    off = msgspec.structs.replace(known[1], tracks={"errors": Track(alarm_since=7)})
    one.state = State(anomalies=off)
    metrics = OperatorMetrics()
    metrics.begin(("prod", "chat"))

    metrics.judged(("prod", "chat"), one.judge(), one.now)

    [family] = [family for family in metrics.registry.collect() if family.name == "llm_monitor_anomaly"]
    series = {sample.labels["signal"]: sample.value for sample in family.samples}
    assert series == {name: float(name == "errors") for name in known[1].models}
    assert len(series) == 6


def test_below_fourteen_days_it_is_listed_as_not_judged_and_gates_nothing(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    past = minutes(one, replica, History(), 2)

    result = one.judge()

    status, reason, message = said(result, KIND)
    assert (status, reason) == ("True", "ObjectivesHold")
    assert message.endswith("not judged: anomalies (BaselineIncomplete: 0 days known, 14 needed)")
    assert said(result, "Healthy")[0] == "True"
    assert past.loose


def test_without_a_history_nothing_is_said(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100)

    assert "anomalies" not in said(one.gather([replica]), KIND)[2]


def test_between_two_cells_nothing_is_done(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    past = minutes(one, replica, History(), 2)

    state, same = advanced(one.state, past, one.now + 5)

    assert state is one.state
    assert same is past


def test_each_monitor_learns_once_a_day_at_a_time_of_its_own(known: tuple[History, Anomalies]) -> None:
    _, learnt = known
    seen = msgspec.structs.replace(learnt, at=1)

    assert not learning_due(Anomalies(), UID, START)  # of what nothing was seen there is nothing to learn
    assert learning_due(Anomalies(at=1), UID, START)
    assert not learning_due(seen, UID, START)
    due = [hour for hour in range(25) if learning_due(seen, UID, START + hour * 3600)]
    assert due
    assert len({learning_due(seen, f"uid-{n}", START) for n in range(20)}) == 2


def test_a_checkpoint_keeps_what_was_learnt(known: tuple[History, Anomalies]) -> None:
    state = State(anomalies=known[1])

    encoded = encode(state)

    assert decode(encoded.data) == state
    assert len(encoded.data) < 4096


def test_an_older_checkpoint_is_read_and_a_cell_more_can_be_looked_at(watch: Make) -> None:
    one = watch()
    replica = one.replica()
    minutes(one, replica, History(), 1)
    plain = msgspec.structs.replace(one.state, anomalies=Anomalies())
    written = msgspec.to_builtins(plain, str_keys=False, enc_hook=written_out)
    old = {key: value for key, value in written.items() if key != "anomalies"}

    assert msgspec.convert(old, State, dec_hook=read_in) == plain
