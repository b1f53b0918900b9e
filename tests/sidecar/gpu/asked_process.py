"""A process that has a GPU sampler and answers what a test asks of it, one JSON line for another.

Its own, because a library once loaded stays: no other test shall find a driver.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import msgspec
import psutil

from llmmonitor_sidecar.samplers.gpu.sampler import GPUSampler, Sampled
from llmmonitor_sidecar.samplers.gpu.thread import GPUThread


def main() -> None:
    """Until its input ends."""
    pids: list[int] = []
    requested = json.loads(sys.argv[1])
    sampler = GPUSampler(lambda: frozenset(pids), requested)
    thread = GPUThread(sampler.sample)
    for line in sys.stdin:
        question = json.loads(line)
        pids[:] = question.get("pids", pids)
        now_ns = round(question["at"] * 1e9)
        ask = sampler.sample if question["op"] == "sample" else thread.look
        began = time.thread_time()
        sampled = ask(now_ns)
        took = time.thread_time() - began
        answer = _plain(sampled)
        answer["threads"] = threading.active_count()
        answer["pynvml"] = "pynvml" in sys.modules
        answer["cpu_seconds"] = took
        answer["resident_bytes"] = psutil.Process().memory_info().rss
        print(json.dumps(answer), flush=True)  # noqa: T201 - to the test


def _plain(sampled: Sampled | None) -> dict[str, Any]:
    if sampled is None:
        return {"gpus": None}
    return {"gpus": msgspec.to_builtins(sampled.gpus), "energy": sampled.energy_millijoules}


if __name__ == "__main__":
    main()
