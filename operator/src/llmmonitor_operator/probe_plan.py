"""`spec.quality` as the plan that sidecars ask by.

What does not fit into `PLAN_BYTES_LIMIT` is left out, the last probes first, and counted: a sidecar's whole
configuration has to fit into one environment variable, or one signed document.
"""

from __future__ import annotations

import msgspec

from llmmonitor_api.probe_plan import PLAN_BYTES_LIMIT, Expected, ProbePlan, ProbeSetting, PromptMessage
from llmmonitor_api.spec.probes import Expectation, Probe
from llmmonitor_api.spec.quality import Quality


def plan_of(quality: Quality, seed: str) -> ProbePlan | None:
    """What is to be asked; None if nothing is.

    Args:
        quality: of a valid spec.
        seed: tells the monitor from others.
    """
    if not (quality.probes or quality.suites):
        return None
    plan = ProbePlan(
        suites=quality.suites,
        schedule_seconds=quality.schedule.total_seconds() if quality.schedule is not None else None,
        on_model_change=quality.on_model_change,
        tokens_per_day=int(quality.tokens_per_day),
        header=quality.auth.header if quality.auth is not None else "Authorization",
        credential=quality.auth is not None,
        seed=seed,
        canaries=quality.canaries,
    )
    left, fitting = PLAN_BYTES_LIMIT - len(msgspec.json.encode(plan)), []
    for probe in quality.probes:
        setting = _setting(probe)
        left -= len(msgspec.json.encode(setting)) + 1
        if left < 0:
            break
        fitting.append(setting)
    return msgspec.structs.replace(plan, probes=tuple(fitting), left_out=len(quality.probes) - len(fitting))


def _setting(probe: Probe) -> ProbeSetting:
    messages = tuple(PromptMessage(one.role.value, one.content) for one in probe.messages)
    return ProbeSetting(
        name=probe.name,
        messages=messages or (PromptMessage("user", probe.prompt or ""),),
        expected=_expected(probe.expect),
        repeats=probe.repeats,
        max_tokens=probe.max_tokens,
    )


def _expected(expect: Expectation) -> Expected:
    number, similar, latency = expect.number, expect.similar_to, expect.max_latency
    return Expected(
        contains=expect.contains or "",
        matches=expect.matches or "",
        json_schema=expect.json_schema,
        number=str(number.value) if number is not None else "",
        tolerance=str(number.tolerance) if number is not None else "0",
        similar_to=similar.text if similar is not None else "",
        at_least=float(similar.at_least) if similar is not None else 0.8,
        refuses=expect.refuses,
        max_latency_seconds=latency.total_seconds() if latency is not None else None,
    )
