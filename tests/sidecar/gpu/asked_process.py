"""A process that has a GPU sampler and answers what a test asks of it, one JSON line for another.

Its own, because a library once loaded stays: no other test shall find a driver. Begun here, or forked from
`asked_template`.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterable
from typing import IO, Any

import msgspec
import psutil

from llmmonitor_sidecar.samplers.gpu.sampler import GPUSampler, Sampled
from llmmonitor_sidecar.samplers.gpu.thread import GPUThread


def answer_all(questions: Iterable[str], to: IO[str], requested: int | None) -> None:
    """Until they end."""
    pids: list[int] = []
    sampler = GPUSampler(lambda: frozenset(pids), requested)
    thread = GPUThread(sampler.sample)
    for line in questions:
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
        print(json.dumps(answer), file=to, flush=True)


def _plain(sampled: Sampled | None) -> dict[str, Any]:
    if sampled is None:
        return {"gpus": None}
    return {"gpus": msgspec.to_builtins(sampled.gpus), "energy": sampled.energy_millijoules}


if __name__ == "__main__":
    answer_all(sys.stdin, sys.stdout, json.loads(sys.argv[1]))
