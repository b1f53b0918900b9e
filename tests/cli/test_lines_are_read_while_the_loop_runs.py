from __future__ import annotations

import asyncio
import os
from pathlib import Path

from llmmonitor_cli.lines import Lines


async def test_lines_come_one_by_one_and_the_end_is_told() -> None:
    reading, writing = os.pipe()
    lines = Lines(reading)
    os.write(writing, b"w  too strict\nr\nwithout an en")

    assert await lines("? ") == "w  too strict"
    assert await lines("? ") == "r"
    os.write(writing, b"d")
    os.close(writing)
    assert await lines("? ") == "without an end"
    assert await lines("? ") is None
    os.close(reading)


async def test_a_file_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("s\nq\n")
    with (tmp_path / "typed").open("rb") as file:
        lines = Lines(file.fileno())

        assert [await lines("? ") for _ in range(3)] == ["s", "q", None]


async def test_who_waits_for_a_line_can_be_cancelled() -> None:
    reading, writing = os.pipe()
    waiting = asyncio.ensure_future(Lines(reading)("? "))
    await asyncio.sleep(0)

    waiting.cancel()
    await asyncio.wait({waiting})

    assert waiting.cancelled()
    os.close(reading)
    os.close(writing)
