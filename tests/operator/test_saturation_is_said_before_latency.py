from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmmonitor_api.report.report import Engine, Live, Saturation

Make = Callable[..., Any]
Said = Callable[[Any, str], tuple[str, str, str]]

GROWING = Saturation(31, 30.0, 12, 4, 8.0, 5.2, 10.8, running_most=8, preemptions=3)
ENGINE = Engine("VLLM", running=8, waiting=12, kv_cache_use=0.9)


def test_a_growing_queue_is_false_before_any_objective_suffers(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(2000)
    replica.engine, replica.live = ENGINE, Live(saturation=GROWING)

    result = one.gather([replica])

    words = (
        "12 requests waiting, growing by 8 (5.2–11) a minute (n=31 over 30 s),"  # noqa: RUF001 - a range
        " 8 being worked on, KV cache 90 %, 3 preemptions"
    )
    assert said(result, "ResourcesHealthy") == ("False", "Saturated", f"chat-0: {words}")
    status, reason, message = said(result, "PerformanceHealthy")
    assert (status, reason) == ("True", "ObjectivesHold")
    assert message.startswith(f"saturated: chat-0: {words}; ")


def test_once_latency_follows_saturation_is_said_first(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(100, ttft=3.0)
    replica.live = Live(saturation=GROWING)

    status, reason, message = said(one.gather([replica]), "PerformanceHealthy")

    assert (status, reason) == ("False", "BurnRateHigh")
    assert message.index("saturated: chat-0: 12 requests waiting") < message.index("first-token: TTFT")


@pytest.mark.parametrize(
    ("saturation", "saturated"),
    [
        pytest.param(Saturation(31, 30.0, 18, 18, 0.0, -1.0, 1.0, running_most=2), True, id="a long queue"),
        pytest.param(Saturation(31, 30.0, 3, 1, 0.0, -1.0, 1.0, running_most=8), False, id="a short queue"),
        pytest.param(Saturation(31, 30.0, 9, 0, 8.0, 5.0, 11.0, running_most=2), False, id="it was empty"),
        pytest.param(Saturation(31, 30.0, 9, 2, 8.0, -1.0, 17.0), False, id="perhaps it grows"),
    ],
)
def test_a_queue_alone_is_no_saturation(
    watch: Make,
    said: Said,
    saturation: Saturation,
    saturated: bool,  # noqa: FBT001 - parametrised
) -> None:
    one = watch()
    replica = one.replica()
    replica.serve(2000)
    replica.live = Live(saturation=saturation)

    result = one.gather([replica])

    reason, message = said(result, "ResourcesHealthy")[1:]

    assert reason == ("Saturated" if saturated else "WithinLimits")
    assert ("waiting" in message) == bool(saturation.waiting_least)
    assert ("saturated" in said(result, "PerformanceHealthy")[2]) is saturated


def test_a_full_cache_is_said_with_the_queue_that_it_makes(watch: Make, said: Said) -> None:
    one = watch()
    replica = one.replica()
    replica.engine = Engine("VLLM", running=9, waiting=12, kv_cache_use=0.98)
    replica.live = Live(saturation=GROWING)

    result = said(one.gather([replica]), "ResourcesHealthy")

    assert result[1] == "KVCacheSaturated"
    assert "KV cache 98 % > 95 %; chat-0: 12 requests waiting" in result[2]
