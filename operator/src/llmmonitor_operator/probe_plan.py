"""`spec.quality` as the plan that sidecars ask by.

What does not fit into `PLAN_BYTES_LIMIT` is left out, the last probes first, and counted: a sidecar's whole
configuration has to fit into one environment variable, or one signed document.
"""

from __future__ import annotations

from itertools import zip_longest

import msgspec

from llmmonitor_api.probe_plan import (
    PLAN_BYTES_LIMIT,
    EndpointSetting,
    Expected,
    ProbePlan,
    ProbeSetting,
    PromptMessage,
)
from llmmonitor_api.spec.probes import Expectation, Probe
from llmmonitor_api.spec.quality import Embeddings, Judge, Quality


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
        embeddings=_endpoint(quality.embeddings),
        judge=_endpoint(quality.judge),
        seed=seed,
        canaries=quality.canaries,
    )
    plan = _with_labelled(plan, quality.judge)
    left, fitting = PLAN_BYTES_LIMIT - len(msgspec.json.encode(plan)), []
    for probe in quality.probes:
        setting = _setting(probe)
        left -= len(msgspec.json.encode(setting)) + 1
        if left < 0:
            break
        fitting.append(setting)
    return msgspec.structs.replace(plan, probes=tuple(fitting), left_out=len(quality.probes) - len(fitting))


def _endpoint(endpoint: Embeddings | Judge | None) -> EndpointSetting | None:
    if endpoint is None:
        return None
    auth = endpoint.auth
    return EndpointSetting(
        url=endpoint.url.rstrip("/"),
        model=endpoint.model,
        header=auth.header if auth is not None else "Authorization",
        credential=auth is not None,
    )


def _with_labelled(plan: ProbePlan, judge: Judge | None) -> ProbePlan:
    """With as many labelled answers as fit into half of a plan, as many good as bad ones."""
    if judge is None:
        return plan
    good = [one for one in judge.labelled if one.good]
    bad = [one for one in judge.labelled if not one.good]
    kept: dict[bool, list[ProbeSetting]] = {True: [], False: []}
    left = PLAN_BYTES_LIMIT // 2
    for one in (one for pair in zip_longest(good, bad) for one in pair if one is not None):
        setting = ProbeSetting(
            name=one.name,
            messages=(PromptMessage("user", one.question),),
            expected=Expected(judged=one.rubric),
            answer=one.answer,
        )
        left -= len(msgspec.json.encode(setting)) + 1
        if left >= 0:
            kept[one.good].append(setting)
    labelled = (*kept[True], *kept[False])
    return msgspec.structs.replace(plan, labelled=labelled, labelled_good=len(kept[True]))


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
    number, similar, meant, latency = expect.number, expect.similar_to, expect.means_like, expect.max_latency
    return Expected(
        contains=expect.contains or "",
        matches=expect.matches or "",
        json_schema=expect.json_schema,
        number=str(number.value) if number is not None else "",
        tolerance=str(number.tolerance) if number is not None else "0",
        similar_to=similar.text if similar is not None else "",
        at_least=float(similar.at_least) if similar is not None else 0.8,
        means_like=meant.text if meant is not None else "",
        means_at_least=float(meant.at_least) if meant is not None else 1.0,
        judged=expect.judged or "",
        refuses=expect.refuses,
        max_latency_seconds=latency.total_seconds() if latency is not None else None,
    )
