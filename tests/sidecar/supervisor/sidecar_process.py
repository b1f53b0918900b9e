"""A whole sidecar for a test to maltreat: real supervisor, real relay, an analyser that only writes down.

Arguments: a file that becomes the shared page (so that the test sees and stores numbers) and a file for the
records of the tee. Settings come from the environment. Everything is imported before privileges are taken
off, since a test's interpreter may lie in a folder that only root may read.
"""

import base64
import functools
import json
import logging
import mmap
import os
import select
import sys
from pathlib import Path

from llmmonitor_sidecar import main
from llmmonitor_sidecar import settings as settings_
from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.supervisor import start
from llmmonitor_sidecar.tee import TeeChannel, TeeReceiver


def page_of(path: str) -> SharedPage:
    page = SharedPage()
    with Path(path).open("r+b") as file:
        page._map = mmap.mmap(file.fileno(), mmap.PAGESIZE)
    page._words = memoryview(page._map).cast("Q")
    return page


def write_down(page: SharedPage, channel: TeeChannel, records: int) -> None:
    receiver = TeeReceiver(channel)
    grown = b"x" * int(os.environ.get("LLM_MONITOR_TEST_ANALYSER_GROWS_BYTES", "0"))
    logging.getLogger(__name__).info("the analyser holds %d bytes", len(grown))
    while True:
        page[Slot.ANALYSER_HEARTBEAT_NS] += 1
        select.select([receiver], [], [], 0.5)
        for record in receiver.read():
            line = json.dumps(
                [record.kind, record.connection, record.direction, base64.b64encode(record.payload).decode()]
            )
            os.write(records, line.encode() + b"\n")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    settings = settings_.from_environment(os.environ)
    page, channel = page_of(sys.argv[1]), TeeChannel()
    records = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
    start.supervise(
        settings,
        page,
        relay=functools.partial(main.run_child_relay, settings, page, channel),
        analyser=functools.partial(write_down, page, channel, records),
    )
