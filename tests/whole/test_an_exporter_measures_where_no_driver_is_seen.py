"""From a DCGM exporter's text on a real socket to conditions and metrics, by what both sides run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.operator.conftest import Watch, monitor_with
from tests.sidecar.dcgm.expositions import CHAT, OTHER, WELL, gpu

from llmmonitor_operator.evaluate import Environment, Evaluation, ExpectedPod
from llmmonitor_sidecar.analyser.sampling import Sampling
from llmmonitor_sidecar.endpoints.metrics import gpus as metrics
from llmmonitor_sidecar.samplers.gpu.library import Unavailable
from llmmonitor_sidecar.samplers.gpu.sampler import GPUSampler
from llmmonitor_sidecar.samplers.gpu.thread import GPUThread
from llmmonitor_sidecar.settings import Settings, from_environment
from llmmonitor_sidecar.shared_page import SharedPage

ENOUGH_SECONDS = 20.0
ENVIRONMENT = {
    "MODE": "off",
    "TARGET_PORT": "8000",
    "POD_NAME": CHAT.name,
    "POD_NAMESPACE": CHAT.namespace,
    "POD_UID": CHAT.uid,
    "POD_IP": "127.0.0.2",
    "HOST_IP": "127.0.0.1",
}


def no_driver() -> ModuleType:
    raise Unavailable("libnvidia-ml.so.1 not found")


def told(**more: str) -> Settings:
    given = ENVIRONMENT | more
    return from_environment({f"LLM_MONITOR_{name}": value for name, value in given.items()})


class Node:
    """Its exporter, and who asked it."""

    def __init__(self) -> None:
        self.xid = 0.0
        self.asked = 0

    async def metrics(self, _: web.Request) -> web.Response:
        self.asked += 1
        mine = gpu(3, CHAT, figures=WELL | {"DCGM_FI_DEV_XID_ERRORS": self.xid})
        return web.Response(text=gpu(0, OTHER) + mine)


@asynccontextmanager
async def sampled(node: Node, **environment: str) -> AsyncIterator[Sampling]:
    app = web.Application()
    app.router.add_get("/metrics", node.metrics)
    async with TestServer(app, host="127.0.0.1") as server:
        settings = told(DCGM_EXPORTER=f"http://{{node}}:{server.port}/metrics", **environment)
        sampling = Sampling(settings, SharedPage())
        blind = GPUSampler(frozenset, settings.gpus_requested, open_library=no_driver)
        sampling._gpus = GPUThread(blind.sample)  # wherever the test runs
        yield sampling
        await sampling.close()


async def until(sampling: Sampling, so: Callable[[], Any]) -> None:
    """Sample as the analyser does, until it is so."""
    async with asyncio.timeout(ENOUGH_SECONDS):
        while not so():
            sampling._look_at_gpus()
            await asyncio.sleep(0.01)


def judged(watch: Watch, replica: Any) -> tuple[Evaluation, dict[str, tuple[str, str, str]]]:
    result = watch.gather([replica], 15)
    return result, {one.type: (one.status, one.reason, one.message) for one in result.conditions}


async def test_the_pods_gpu_is_measured_and_its_new_error_fails_it() -> None:
    node = Node()
    watch = Watch(monitor_with())
    watch.environment = Environment(
        cluster=True, pods=(ExpectedPod("uid-0", "chat-0", 0.0, gpus_requested=1),)
    )
    replica = watch.replica()
    async with sampled(node, GPUS="1") as sampling:
        await until(sampling, lambda: sampling.gpus and sampling.gpus.visible)
        replica.gpus = sampling.gpus
        result, well = judged(watch, replica)
        node.xid = 79.0
        assert sampling._exporter is not None
        await sampling._exporter.ask(time.monotonic_ns())
        await until(sampling, lambda: sampling.gpus and sampling.gpus.devices[0].xids)
        replica.gpus = sampling.gpus
        _, broken = judged(watch, replica)

    assert sampling.gpus is not None
    assert well["GPUVisible"] == (
        "True",
        "AllGPUsMeasured",
        "1 GPU measured by DCGM (told from others by the pods that the exporter names)",
    )
    assert well["ResourcesHealthy"][0] == "True"
    assert result.status["resources"]["gpu"] == {
        "requested": 1,
        "visible": 1,
        "source": "DCGM",
        "lost": 0,
        "utilisation": 0.97,
        "memoryUsedBytes": 73_000 << 20,
        "memoryTotalBytes": 81_559 << 20,
        "powerWatts": 312.0,
        "errors": 0,
    }
    assert broken["ResourcesHealthy"][:2] == ("False", "GPUErrors")
    assert broken["ResourcesHealthy"][2].startswith("chat-0: GPU 3 (GPU-3): XID 79 ")
    [counted] = [
        sample
        for family in metrics.families(sampling.gpus, 0)
        for sample in family.samples
        if sample.name == "llm_monitor_gpu_xids_total"
    ]
    assert (counted.labels, counted.value) == ({"gpu": "GPU-3", "xid": "79", "kind": "hardware"}, 1)


async def test_in_a_pod_without_gpus_nobody_is_asked() -> None:
    node = Node()
    async with sampled(node) as sampling:
        await until(sampling, lambda: sampling.gpus)  # of the driver that there is none of
        for _ in range(100):
            sampling._look_at_gpus()
            await asyncio.sleep(0)

    assert (node.asked, sampling._exporter) == (0, None)
