"""Reads a DCGM exporter's exposition: the figures of each GPU and of each part of one, and who holds it.

Metrics are named as DCGM names its fields, and the labels are those of the exporter's template
(dcgm-exporter 4, internal/pkg/rendermetrics; names and units: etc/dcp-metrics-included.csv). A part that MIG
made has GPU_I_ID and its GPU's UUID. A GPU that pods share has a row for each of them
(internal/pkg/transformation/kubernetes.go). What DCGM does not know older exporters write down as a number
near the end of its type (dcgm_structs.h, DCGM_INT32_BLANK and the like): it is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from llmmonitor_sidecar.engines import samples
from llmmonitor_sidecar.engines.samples import UnreadableExposition

UTILISATION = "DCGM_FI_DEV_GPU_UTIL"
ENGINE_ACTIVE = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
USED = "DCGM_FI_DEV_FB_USED"
FREE = "DCGM_FI_DEV_FB_FREE"
RESERVED = "DCGM_FI_DEV_FB_RESERVED"
POWER = "DCGM_FI_DEV_POWER_USAGE"
ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
TEMPERATURE = "DCGM_FI_DEV_GPU_TEMP"
SLOWDOWNS = "DCGM_FI_DEV_CLOCKS_EVENT_REASONS"
SLOWDOWNS_BEFORE_4 = "DCGM_FI_DEV_CLOCK_THROTTLE_REASONS"
XID = "DCGM_FI_DEV_XID_ERRORS"
CORRECTED = "DCGM_FI_DEV_ECC_SBE_VOL_TOTAL"
UNCORRECTED = "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"
REPAIR_PENDING = "DCGM_FI_DEV_ROW_REMAP_PENDING"
REPAIR_FAILED = "DCGM_FI_DEV_ROW_REMAP_FAILURE"
FIELDS = frozenset(
    {
        UTILISATION,
        ENGINE_ACTIVE,
        USED,
        FREE,
        RESERVED,
        POWER,
        ENERGY,
        TEMPERATURE,
        SLOWDOWNS,
        SLOWDOWNS_BEFORE_4,
        XID,
        CORRECTED,
        UNCORRECTED,
        REPAIR_PENDING,
        REPAIR_FAILED,
    }
)

_NAME_LIMIT = 96
"""Characters kept of a label."""
_BLANK_32 = range(0x7FFFFFF0, 0x80000000)
_BLANK_64 = float(0x7FFFFFFFFFFFFFF0)
_BLANK_DOUBLE = range(1 << 47, (1 << 47) + 16)
_PODS = (("exported_pod", "exported_namespace"), ("pod", "namespace"), ("pod_name", "pod_namespace"))
"""As a Prometheus in between renames them; as the exporter has them; as it has them in its old style."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A pod as the exporter names it; without a uid where it does not say."""

    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A GPU, or a part of one: what can be requested."""

    uuid: str
    """Of the GPU."""
    index: int
    product: str
    instance: str
    """GPU_I_ID of a part; empty for a GPU."""
    profile: str
    holders: frozenset[Holder]
    figures: Mapping[str, float]
    """By field, as written, without blanks."""

    @property
    def key(self) -> tuple[str, str]:
        """Which one it is."""
        return self.uuid, self.instance


@dataclass(frozen=True, slots=True)
class Exposition:
    """What an exporter says."""

    units: tuple[Unit, ...]
    host: str
    """Of the exporter, by its own word; empty where that is switched off."""
    driver: str
    labelled: bool
    """Whether it says of GPUs which pod has them."""

    @property
    def requestable(self) -> tuple[Unit, ...]:
        """Parts, and GPUs that have none."""
        parted = {unit.uuid for unit in self.units if unit.instance}
        return tuple(unit for unit in self.units if unit.instance or unit.uuid not in parted)


def read(text: str) -> Exposition:
    """What it says about GPUs.

    Raises:
        UnreadableExposition: it is none, or none of GPUs, or too large.
    """
    found = samples.read(text, FIELDS)
    rows: dict[tuple[str, str], list[tuple[str, Mapping[str, str], float]]] = {}
    for field, values in found.values.items():
        for labels, value in values:
            uuid = _label(labels, "UUID", "uuid")
            if uuid:
                rows.setdefault((uuid, _label(labels, "GPU_I_ID")), []).append((field, labels, value))
    if not rows:
        raise UnreadableExposition("it has no DCGM_FI_* of a GPU")
    every = [labels for one in rows.values() for _, labels, _ in one]
    return Exposition(
        units=tuple(_unit(key, one) for key, one in sorted(rows.items())),
        host=_first(every, "Hostname", "hostname"),
        driver=_first(every, "DCGM_FI_DRIVER_VERSION"),
        labelled=any(pod in labels for labels in every for pod, _ in _PODS),
    )


def _unit(key: tuple[str, str], rows: Iterable[tuple[str, Mapping[str, str], float]]) -> Unit:
    labels: dict[str, str] = {}
    figures: dict[str, float] = {}
    holders = set()
    for field, own, value in rows:
        labels |= own
        holders |= _holders(own)
        if not _blank(field, value):
            figures[field] = value
    number = _label(labels, "gpu")
    return Unit(
        uuid=key[0],
        index=int(number) if number.isascii() and number.isdecimal() and len(number) < len("10000") else 0,
        product=_label(labels, "modelName"),
        instance=key[1],
        profile=_label(labels, "GPU_I_PROFILE"),
        holders=frozenset(holders),
        figures=figures,
    )


def _holders(labels: Mapping[str, str]) -> set[Holder]:
    for pod, namespace in _PODS:
        if labels.get(pod):
            return {Holder(labels.get(namespace, ""), labels[pod], labels.get("pod_uid", ""))}
    return set()


def _blank(field: str, value: float) -> bool:
    if not math.isfinite(value) or value >= _BLANK_64 or value in _BLANK_DOUBLE:
        return True
    return field != ENERGY and value in _BLANK_32  # an energy may well be as large


def _first(every: Iterable[Mapping[str, str]], *names: str) -> str:
    return next((label for labels in every if (label := _label(labels, *names))), "")


def _label(labels: Mapping[str, str], *names: str) -> str:
    return next((labels[name][:_NAME_LIMIT] for name in names if labels.get(name)), "")
