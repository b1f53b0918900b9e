"""The sidecar keeps nothing on disk: with every place it could write to full, it goes on."""

from __future__ import annotations

import json

import pytest
from e2e import model_pods
from e2e.faults.watched import Watched, settled
from e2e.kubectl import Refused

SIDECAR = "llm-monitor-sidecar"
PLACES = 4
FILL = """
import errno, json, os
full, refused = [], []
for folder in ("/dev/shm", "/tmp", "/run", "/var/tmp"):
    try:
        with open(folder + "/filler", "wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 2**20)
    except OSError as error:
        (full if error.errno == errno.ENOSPC else refused).append(folder)
print(json.dumps({"full": full, "refused": refused}))
"""


@pytest.mark.timeout(900)
def test_full_disks_in_the_pod_change_nothing(model: Watched) -> None:
    clients = model.ask(seconds=75)
    before = settled(model)

    for pod in model.pods():
        name = pod["metadata"]["name"]
        done = _filled(model, name)
        assert done["full"], "nothing could be filled"
        assert len(done["full"]) + len(done["refused"]) == PLACES

    model.nothing_lost(clients)
    assert model.steady() == before


def _filled(model: Watched, pod: str) -> dict[str, list[str]]:
    try:
        said = model.namespace("exec", pod, f"--container={SIDECAR}", "--", model_pods.PYTHON, "-c", FILL)
    except Refused as refused:
        raise AssertionError(f"the disks of pod {pod} could not be filled: {refused}") from refused
    return dict(json.loads(said))
