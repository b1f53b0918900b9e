"""Sums of cells are kept from one evaluation to the next; none may differ from a sum made anew."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.conftest import Watch

from llmmonitor_api.report.histogram import Histogram
from llmmonitor_api.report.totals import InterceptionCounts
from llmmonitor_operator.evaluate.window_sums import WindowSums
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.packed_figures import PackedFigures
from llmmonitor_operator.state import State
from llmmonitor_operator.windows import FIGURE_TIERS

CELL = FIGURE_TIERS[1].cell_seconds
HOUR, QUARTER = 3600.0, 900.0


def figures(number: int) -> Figures:
    return Figures(
        begun=number,
        outcomes={"ok": number, f"outcome {number % 3}": 1},
        duration=Histogram(zero=number, buckets={number % 7: number}),
        interception=InterceptionCounts(accepted=number),
    )


def with_cells(state: State, cells: dict[int, PackedFigures]) -> State:
    return msgspec.structs.replace(
        state, figures=(state.figures[0], cells, state.figures[2]), newest_at=(max(cells) + 0.5) * CELL
    )


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 1 << 40), st.booleans()), max_size=40))
def test_they_are_what_is_summed_anew(steps: list[tuple[int, int, bool]]) -> None:
    """By how many cells later than the newest, or earlier, so much was added, and whether old cells went."""
    state, sums, newest = State(), WindowSums(), 100
    cells: dict[int, PackedFigures] = {}
    for step, number, forward in steps:
        place = newest + step if forward else newest - step
        what = figures(number)
        cells = {index: cell for index, cell in cells.items() if index > newest - 15}
        cells[place] = cells[place].plus(what) if place in cells else PackedFigures(what)
        newest = max(cells)
        state = with_cells(state, cells)

        for seconds in (HOUR, QUARTER):
            for histograms in (True, False):
                anew = state.window(seconds, histograms=histograms)
                assert sums.of(state, seconds, histograms=histograms) == anew


def test_a_cell_that_is_equal_but_another_is_summed_anew_and_others_are_not() -> None:
    sums, cells = WindowSums(), {100 + n: PackedFigures(figures(n)) for n in range(5)}
    first = with_cells(State(), cells)
    changed = with_cells(State(), cells | {101: PackedFigures(figures(1000))})

    assert sums.of(first, HOUR).begun == sum(range(5))
    assert sums.of(changed, HOUR).begun == sum(range(5)) + 999
    assert sums.of(first, HOUR).begun == sum(range(5))


def test_a_status_document_shows_what_is_summed_anew(watch: Callable[..., Watch]) -> None:
    one = watch()
    replica = one.replica()
    for number in range(30):
        replica.serve(10 + number, ttft=0.1 * (number % 5))
        kept = one.gather([replica], 120)
        anew = kept.inputs.state.window(HOUR)
        assert kept.inputs.window_with_histograms(HOUR) == anew
        assert kept.status["window"]["requests"] == anew.ended
