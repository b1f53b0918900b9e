from __future__ import annotations

import asyncio
from collections.abc import Iterable

from llmmonitor_sidecar.analyser.intake import Intake
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.tee import REQUEST, Kind, TeeChannel, TeeReceiver, TeeRecord


class _CountingReader(TrafficReader):
    batches = 0

    def take(self, records: Iterable[TeeRecord]) -> None:
        assert records
        self.batches += 1


class _NeverEmpty(TeeReceiver):
    """The relay fills it faster than anybody reads."""

    def read(self) -> list[TeeRecord]:
        return [TeeRecord(Kind.DATA, 1, REQUEST, 1, b"x")]


async def test_however_often_it_is_called_under_load_it_takes_one_turn_of_each_round() -> None:
    channel, reader = TeeChannel(), _CountingReader()
    intake = Intake(_NeverEmpty(channel), reader, busy_ns=1)  # one batch a turn
    for _ in range(5):  # ticks and pulled reports, while every turn leaves something unread
        intake.drain()
    before = reader.batches

    await asyncio.sleep(0)  # one round of the loop

    assert reader.batches == before + 1
    intake.stop()
    channel.close()


async def test_nothing_is_read_after_it_was_stopped() -> None:
    channel, reader = TeeChannel(), _CountingReader()
    intake = Intake(_NeverEmpty(channel), reader, busy_ns=1)
    intake.drain()
    intake.drain()

    intake.stop()
    before = reader.batches
    await asyncio.sleep(0)

    assert reader.batches == before
    channel.close()
