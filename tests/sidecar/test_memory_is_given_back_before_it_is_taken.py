from __future__ import annotations

from llmmonitor_sidecar.analyser.memory import PATIENCE_NS, Measure, MemoryWatch

CAP_BYTES = 256 * 1024 * 1024
LIMIT_BYTES = 160 * 1024 * 1024
SECOND = 1_000_000_000


def test_passing_the_limit_sheds_once_and_falling_below_it_forgets() -> None:
    watch = MemoryWatch(CAP_BYTES)

    assert watch.look(LIMIT_BYTES, 0) is Measure.NONE
    assert watch.look(LIMIT_BYTES + 1, 1 * SECOND) is Measure.SHED
    assert watch.look(LIMIT_BYTES + 1, 2 * SECOND) is Measure.NONE
    assert watch.look(LIMIT_BYTES, 3 * SECOND) is Measure.NONE
    assert watch.look(LIMIT_BYTES + 1, 4 * SECOND) is Measure.SHED


def test_staying_above_it_ends_the_analyser() -> None:
    watch = MemoryWatch(CAP_BYTES)
    watch.look(LIMIT_BYTES + 1, 0)

    assert watch.look(LIMIT_BYTES + 1, PATIENCE_NS) is Measure.NONE
    assert watch.look(LIMIT_BYTES + 1, PATIENCE_NS + 1) is Measure.END
