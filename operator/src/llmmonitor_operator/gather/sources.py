"""What is kept of a pod's newest report: its totals, to which the next is compared, and what is so right now.

Totals come whole, or as the difference to the report before (`report.told`); kept are always those of the
whole boot, so that after a difference comes what may.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from llmmonitor_api.report import merge
from llmmonitor_api.report.gpus import GPUs
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import Report
from llmmonitor_api.report.requests import CHECKS_LIMIT, DETAILS_LIMIT, RequestCounts
from llmmonitor_operator.figures import NOTHING, Figures
from llmmonitor_operator.interaction_counts import not_looked_for
from llmmonitor_operator.packed_features import PackedFeatures
from llmmonitor_operator.packed_figures import PackedFigures
from llmmonitor_operator.request_counts import counts_of as checks_of
from llmmonitor_operator.state import Source
from llmmonitor_operator.windows import Count


def source_of(report: Report, times: tuple[float, float], figures: Figures) -> Source:
    """What is kept of a report whose totals are whole; `figures` are theirs.

    `times` are when its boot began and when it was made, as they count here.
    """
    return _source(
        report,
        times,
        packed=PackedFigures(figures),
        objectives=counts_in(report),
        requests=report.totals.requests if report.totals.requests.setting else None,
        features=PackedFeatures(report.totals.features),
        nanoseconds=_nanoseconds(report),
    )


def source_after(
    report: Report, times: tuple[float, float], before: Source, figures: Figures, counts: Mapping[str, Count]
) -> Source:
    """What is kept of one that says what came since `before`, the last of its boot.

    `figures` and `counts` (`counts_in`) are of that. Of features only whole ones are kept: nothing else is
    compared to them.
    """
    known = before.objectives
    busy, observed, probing = _nanoseconds(report)
    return _source(
        report,
        times,
        packed=before.packed if figures == NOTHING else before.packed.plus(figures),
        objectives={key: known[key] + one if key in known else one for key, one in counts.items()},
        requests=_requests(report.totals.requests, before.requests),
        features=None,
        nanoseconds=(
            before.busy_nanoseconds + busy,
            before.observed_nanoseconds + observed,
            before.probing_nanoseconds + probing,
        ),
    )


def counts_in(report: Report) -> dict[str, Count]:
    """Good and bad events of a report's totals, by objective and by check of requests."""
    objectives = {key: Count(one.good, one.bad) for key, one in report.totals.objectives.items()}
    return objectives | checks_of(report.totals.requests)


def _nanoseconds(report: Report) -> tuple[int, int, int]:
    totals = report.totals
    return totals.busy_nanoseconds, totals.observed_nanoseconds, totals.probing_nanoseconds


def _requests(newly: RequestCounts, before: RequestCounts | None) -> RequestCounts | None:
    """The sum, as long as it is one that a report could hold: of no sidecar that counts it is ever more."""
    if not newly.setting:
        return None
    if before is None or before.setting != newly.setting:
        return newly
    both = merge.add(before, newly)
    return both if len(both.checks) <= CHECKS_LIMIT and len(both.details) <= DETAILS_LIMIT else newly


def _source(  # noqa: PLR0913 - what the two kinds of report differ in
    report: Report,
    times: tuple[float, float],
    *,
    packed: PackedFigures,
    objectives: dict[str, Count],
    requests: RequestCounts | None,
    features: PackedFeatures | None,
    nanoseconds: tuple[int, int, int],
) -> Source:
    identity = report.identity
    busy, observed, probing = nanoseconds
    return Source(
        pod_name=identity.pod_name,
        boot_id=identity.boot_id,
        started_at=times[0],
        sequence=identity.sequence,
        at=times[1],
        configuration_generation=identity.configuration_generation,
        packed=packed,
        objectives=objectives,
        live=report.live,
        interception=report.interception,
        resources=report.resources,
        engine=report.engine,
        gpus=_of_the_pod(report.gpus),
        system_fingerprint=report.system_fingerprint,
        clients=report.clients if report.clients is not None and report.clients.key_id else None,
        interactions=report.interactions,
        requests=requests,
        busy_nanoseconds=busy,
        observed_nanoseconds=observed,
        features=features,
        probing_nanoseconds=probing,
        probing=_without_findings(report.probing),
        review=report.review,
        not_looked_for=not_looked_for(report.totals.interactions),
    )


def _without_findings(probing: Probing | None) -> Probing | None:
    """They are kept once for all pods."""
    return None if probing is None else msgspec.structs.replace(probing, rounds=(), pairs=())


def _of_the_pod(gpus: GPUs | None) -> GPUs | None:
    """A sidecar may see all GPUs of its node: what is kept of ten thousand pods has no room for others'."""
    if gpus is None or all(one.ours for one in gpus.devices):
        return gpus
    own = tuple(one for one in gpus.devices if one.ours)
    beyond = gpus.beyond + len(gpus.devices) - len(own)
    return msgspec.structs.replace(gpus, devices=own, beyond=beyond)
