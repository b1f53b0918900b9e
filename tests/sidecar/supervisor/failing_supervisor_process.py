"""A real supervisor whose way fails while the test says so, by `GENERATION_APPLIED` in a page on disk.

Its analyser never gives a sign of life.
"""

import dataclasses
import logging
import os
import signal
import sys
from pathlib import Path

from sidecar_process import page_of  # type: ignore[import-not-found]  # a script's own folder

from llmmonitor_sidecar import settings as settings_
from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.supervisor.decide import Policy
from llmmonitor_sidecar.supervisor.reasons import Reason
from llmmonitor_sidecar.supervisor.supervisor import Supervisor
from llmmonitor_sidecar.supervisor.target import RemoteTarget
from llmmonitor_sidecar.supervisor.ways import Off


@dataclasses.dataclass
class Failing(Off):
    page: SharedPage

    def obstacle(self, now_ns: int) -> Reason:
        if self.page[Slot.GENERATION_APPLIED]:
            raise RuntimeError(f"as told, at {now_ns}")
        return Reason.OFF


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    settings, page = settings_.from_environment(os.environ), page_of(sys.argv[1])
    Path(sys.argv[2]).touch()
    Supervisor(
        settings=settings,
        page=page,
        way=Failing(page),
        target=RemoteTarget("127.0.0.1", settings.target_port),
        relay=lambda _listener: None,
        analyser=signal.pause,
        policy=Policy(max_added_latency_us=5_000, can_step_aside=False, kill_analyser_after_ns=1_000_000_000),
    ).run()
