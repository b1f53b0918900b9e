from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from tests.sidecar.gpu.asked import DRIVER_NOT_LOADED, UNKNOWN, Asked, Driver
from tests.sidecar.whole_sidecar import Whole, until

from llmmonitor_api.report.gpus import GPUs
from llmmonitor_sidecar.samplers.gpu.sampler import Sampled
from llmmonitor_sidecar.samplers.gpu.thread import GPUThread

Ask = Callable[..., Asked]
HUNG = "nvmlDeviceGetMemoryInfo_v2"


def looked(asked: Asked, at: float) -> GPUs:
    """What is seen once the call that a look begins has come back."""
    found: list[GPUs] = []

    def look() -> bool:
        one = asked.look(at)
        found[:] = [one] if one is not None and one.visible else []
        return bool(found)

    until(look)
    return found[0]


def test_while_a_call_hangs_its_age_is_said_and_no_other_is_made(driver: Driver, ask: Ask) -> None:
    asked = ask()
    driver.says("count 1", "xid 0 79 4294967295")
    looked(asked, 0)
    threads = asked.last["threads"]
    driver.says("count 1", f"hang {HUNG}")

    asked.look(100)  # begins the call that hangs
    patient, said, still = asked.look(104), asked.look(106), asked.look(160)

    assert patient is not None
    assert (patient.visible, patient.silent_seconds) == (True, None)
    assert said is not None
    assert not said.visible
    assert said.silent_seconds == pytest.approx(6)
    assert said.reason == "the driver has not answered for 6 s; it is asked again once it does"
    assert [one.uuid for one in said.devices] == ["GPU-0000"]  # as they were
    assert said.sampled_age_seconds == pytest.approx(106)
    assert still is not None
    assert still.silent_seconds == pytest.approx(60)
    assert asked.last["threads"] == threads

    driver.says("count 1")
    back = looked(asked, 161)

    assert (back.silent_seconds, back.reason) == (None, "")
    assert asked.last["threads"] == threads


@pytest.mark.parametrize("function", ["dlopen", "nvmlInitWithFlags", "nvmlDeviceGetHandleByIndex_v2"])
def test_a_driver_that_hangs_from_the_start_is_said(driver: Driver, ask: Ask, function: str) -> None:
    driver.says("count 1", f"hang {function}")
    asked = ask()

    assert asked.look(0) is None
    said = asked.look(9)
    driver.says("count 1")

    assert said is not None
    assert (said.visible, said.silent_seconds, said.devices) == (False, 9.0, ())


def test_the_driver_is_asked_once_a_second_however_often_somebody_looks() -> None:
    calls: list[int] = []
    called = threading.Semaphore(0)

    def sample(now_ns: int) -> Sampled:
        calls.append(now_ns)
        called.release()
        return Sampled(GPUs(visible=True))

    thread = GPUThread(sample)
    for tenth in range(31):
        thread.look(tenth * 100_000_000)
        if tenth % 10 == 0:
            assert called.acquire(timeout=20)
            until(lambda: thread.look(0) is not None)
    thread.close()

    assert calls == [0, 1_000_000_000, 2_000_000_000, 3_000_000_000]


def test_a_defect_of_the_sampler_is_said_logged_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outcomes: Iterator[KeyError | Sampled] = iter(
        [Sampled(GPUs(visible=True), 7), KeyError("x"), KeyError("x"), Sampled(GPUs(visible=True), 9)]
    )

    def sample(_now_ns: int) -> Sampled:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    thread = GPUThread(sample)
    seen: list[tuple[bool, str, int]] = []
    for second in range(4):
        thread.look(second * 1_000_000_000)
        until(lambda: thread._running_since_ns is None)
        found = thread.look(0)
        assert found is not None
        seen.append((found.gpus.visible, found.gpus.reason, found.energy_millijoules))
    thread.close()

    why = "the sampler failed with KeyError; the sidecar's log says more"
    assert seen == [(True, "", 7), (False, why, 7), (False, why, 7), (True, "", 9)]
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1


def test_without_the_library_it_is_said_which_and_nothing_is_imported_for_it(ask: Ask) -> None:
    asked = ask(environment={"LD_LIBRARY_PATH": "/nowhere"})

    found = asked.sample(0)

    assert not found.visible
    assert found.reason.startswith("libnvidia-ml.so.1 not found: cannot open shared object file")
    assert asked.last["pynvml"] is False


def test_a_library_without_its_driver_is_another_reason(driver: Driver, ask: Ask) -> None:
    driver.says("count 1", f"fail nvmlInitWithFlags * {DRIVER_NOT_LOADED}")

    found = ask().sample(0)

    assert "the driver does not answer it: Driver Not Loaded" in found.reason


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (("count 0",), "shows no GPU to this container"),
        (("count 1", f"fail nvmlDeviceGetCount_v2 * {UNKNOWN}"), "cannot list the GPUs: Unknown Error"),
        (("count 1", "fail nvmlDeviceGetCount_v2 * 777"), "a code that pynvml does not know"),
    ],
)
def test_a_driver_that_shows_nothing_is_asked_again_after_a_minute(
    driver: Driver, ask: Ask, statements: tuple[str, ...], reason: str
) -> None:
    asked = ask()
    driver.says(*statements)
    nothing = asked.sample(0)
    driver.says("count 1")

    soon, later = asked.sample(59), asked.sample(60)

    assert reason in nothing.reason
    assert soon == nothing
    assert later.visible


def test_a_whole_sidecar_reports_its_gpus_and_lives_on_while_their_driver_hangs(
    driver: Driver, start: Callable[..., Whole]
) -> None:
    driver.says("count 2")
    sidecar = start(around=driver.environment, GPUS="2")
    gpus: dict[str, object] = {}

    def report() -> bool:
        gpus.clear()
        gpus.update(sidecar.report().get("gpus") or {})
        return bool(gpus)

    until(lambda: report() and gpus["visible"])
    assert (gpus["told_by"], gpus["requested"]) == ("number", 2)
    driver.says("count 2", f"hang {HUNG}")
    until(lambda: report() and not gpus["visible"])

    assert float(str(gpus["silent_seconds"])) >= 5
    assert "has not answered for" in str(gpus["reason"])
    before = sidecar.report()["identity"]["sequence"]
    assert sidecar.report()["identity"]["sequence"] == before + 1

    driver.says("count 2")
    until(lambda: report() and gpus["visible"])

    driver.says("count 2", f"hang {HUNG}")  # and it ends in time all the same: `start` sees to that
    until(lambda: report() and not gpus["visible"])
