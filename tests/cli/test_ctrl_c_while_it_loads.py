from __future__ import annotations

import asyncio
import signal
import sys

START = "from llmmonitor_cli.console_script import main; main()"


async def test_ends_the_program_without_a_traceback() -> None:
    # given the program in the middle of its imports, which it tells of one by one
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "importtime", "-c", START, "demo", "--json"),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    while b"rich" not in (line := await process.stderr.readline()):
        assert line, "the program ended before it had loaded"

    process.send_signal(signal.SIGINT)
    _, err = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == -signal.SIGINT
    assert b"Traceback" not in err
