from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.anomalies.streams import DAY_ZERO, Stream

from llmmonitor_api.report.histogram import Histogram
from llmmonitor_operator.anomalies.cell import (
    CELL_SECONDS,
    CELLS_A_DAY,
    Cell,
    cell_of,
    coded_size,
    figure,
    size,
)
from llmmonitor_operator.anomalies.history import (
    BYTES_LIMIT,
    DAYS,
    History,
    UnreadableHistory,
    cells_before,
    closed,
    decode,
    encode,
    kept,
)
from llmmonitor_operator.figures import Figures

FIRST = DAY_ZERO * CELLS_A_DAY
HOUR = 12


def end_of(at: int) -> float:
    """When the cell is closed, Unix seconds."""
    return (at + 1) * CELL_SECONDS + 60.0


def filled(days: int, *, noisy: bool = False) -> History:
    """Cell after cell, as they close, for so many days."""
    stream, draw, history = Stream(), random.Random(5), History()
    for begin in range(FIRST, FIRST + days * CELLS_A_DAY, HOUR):
        cells = {at: stream.cell(at % CELLS_A_DAY) for at in range(begin, begin + HOUR)}
        if noisy:
            cells = {at: Cell(*(draw.randrange(2_500) for _ in cell)) for at, cell in cells.items()}
        history = kept(history, cells, end_of(begin + HOUR - 1))
    return history


def test_a_full_history_comes_back_and_takes_a_tenth_of_a_megabyte() -> None:
    history = filled(DAYS + 3)

    data = encode(history)

    assert len(data) < 128 * 1024
    assert decode(data) == history
    assert len(cells_before(history, DAY_ZERO + DAYS + 3)) == DAYS


def test_even_noise_stays_under_the_limit() -> None:
    assert len(encode(filled(DAYS, noisy=True))) <= BYTES_LIMIT


def test_what_was_put_in_is_what_is_learnt_from() -> None:
    stream, history = Stream(), History()
    put = {FIRST + slot: stream.cell(slot) for slot in range(0, 3 * CELLS_A_DAY, 5)}
    for at, cell in put.items():
        history = kept(history, {at: cell}, end_of(at))

    days = cells_before(history, DAY_ZERO + 3)

    assert days.keys() == {DAY_ZERO + 1, DAY_ZERO + 2}  # the first day may have begun at any time
    got = {
        day * CELLS_A_DAY + slot: cell for day, row in days.items() for slot, cell in enumerate(row) if cell
    }
    assert got == {at: cell for at, cell in put.items() if at >= FIRST + CELLS_A_DAY}


def test_a_day_without_the_operator_is_a_day_without_cells() -> None:
    history = kept(History(), {FIRST: Cell(begun=1)}, end_of(FIRST))
    later = FIRST + 3 * CELLS_A_DAY
    history = kept(history, {later: Cell(begun=2)}, end_of(later))

    days = cells_before(history, DAY_ZERO + 4)

    assert [sum(cell is not None for cell in row) for row in days.values()] == [0, 0, 1]


def test_what_a_clock_that_was_ahead_wrote_goes() -> None:
    ahead = FIRST + 900 * CELLS_A_DAY
    history = History()
    for number in range(HOUR):
        history = kept(history, {ahead + number: Cell(begun=1)}, end_of(ahead + number))
    for number in range(HOUR):
        history = kept(history, {FIRST + number: Cell(begun=1)}, end_of(FIRST + number))

    assert history.days.keys() == {DAY_ZERO}


def test_a_cell_is_taken_once_and_only_when_it_is_closed() -> None:
    figures = {FIRST + number: Figures(begun=10, outcomes={"ok": 10}) for number in range(3)}
    figures[FIRST + 1] = Figures()

    early = closed(figures, FIRST - 1, end_of(FIRST) - 1)
    then = closed(figures, FIRST - 1, end_of(FIRST))
    later = closed(figures, FIRST, end_of(FIRST + 2))

    assert (early, list(then), list(later)) == ({}, [FIRST], [FIRST + 2])


def test_a_cell_says_what_the_figures_do() -> None:
    first, per_token = Histogram(), Histogram()
    for seconds in (0.1, 0.4):
        first.record(seconds, 50)
        per_token.record(seconds / 10, 40)
    figures = Figures(
        begun=100,
        outcomes={"ok": 80, "server_error": 5, "aborted": 10, "not_analysed": 3},
        prompts=90,
        prompts_log_milli=90 * 5_000,
        time_to_first_token=first,
        time_per_output_token=per_token,
    )

    cell = cell_of(figures)

    assert figure(cell.first_token) == pytest.approx(-1.609, abs=0.02)  # the logarithm of 0.2
    assert size(cell.first_tokens) == pytest.approx(100, rel=0.05)
    assert figure(cell.per_token) == pytest.approx(-3.912, abs=0.02)
    assert figure(cell.prompt) == pytest.approx(5, abs=0.005)
    assert cell.failed == 5
    assert size(cell.ended) == pytest.approx(85, rel=0.05)
    assert figure(cell.finished) == pytest.approx(-0.02, abs=0.011)
    assert (cell.answer, cell.duration) == (0, 0)


@given(st.integers(0, 10**9))
def test_sizes_are_coded_within_five_percent(count: int) -> None:
    assert size(coded_size(count)) == pytest.approx(count, rel=0.05, abs=0.1)


@pytest.mark.parametrize("data", [b"", b"no history", encode(History())[:-1], encode(History({1: b"x"}))])
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableHistory):
        decode(data)


def test_a_day_that_unpacks_to_too_much_is_refused() -> None:
    with pytest.raises(UnreadableHistory):
        decode(encode(History({1: zlib.compress(bytes(10_000_000))})))
