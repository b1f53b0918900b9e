"""Makes a `report.GPUs` of the pod's rows in an exposition, and remembers what one look does not show.

DCGM gives XIDs as the last value alone: one counts when the value changes, and never the first that is seen;
a second error of the same number in a row is missed. Memory is as NVML's second version has it: what the
driver reserves is no use. Utilisation of a partitioned GPU is that of its parts, by the profiling fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from llmmonitor_api.report.gpus import DCGM, GPU, GPUS_LIMIT, HARDWARE, MIG_LIMIT, GPUs, MIGInstance
from llmmonitor_sidecar.samplers.dcgm import exposition as dcgm
from llmmonitor_sidecar.samplers.dcgm.exposition import Exposition, Unit
from llmmonitor_sidecar.samplers.dcgm.whose import Asking, ours
from llmmonitor_sidecar.samplers.gpu.energy import PodsEnergy
from llmmonitor_sidecar.samplers.gpu.remembered import Remembered
from llmmonitor_sidecar.samplers.gpu.xids import kind

_MIB = 1 << 20
_PERCENT = 0.01
_REMEMBERED = 4 * GPUS_LIMIT
"""GPUs: some may be away for a while."""
_MOST_MIB = float(1 << 32)
_MOST_WATTS = 1e6
_MOST_MILLIJOULES = 1e15
_MOST_CELSIUS = 1e4
"""What is more no GPU has, and no report takes."""
_EXPECTED = {
    "memory": (dcgm.USED, dcgm.FREE),
    "power": (dcgm.POWER,),
    "energy": (dcgm.ENERGY,),
    "temperature": (dcgm.TEMPERATURE,),
    "XIDs": (dcgm.XID,),
}
"""What the exporter gives by default."""


class DCGMFigures:
    """The pod's GPUs, exposition by exposition."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._remembered: dict[str, Remembered] = {}
        self._last_xids: dict[tuple[str, str], int] = {}
        self._energy = PodsEnergy()

    @property
    def energy_millijoules(self) -> int:
        """What the pod's GPUs have taken so far; of shared and partitioned ones nothing."""
        return self._energy.millijoules

    def take(self, found: Exposition, now_ns: int) -> GPUs:
        """The pod's GPUs at CLOCK_MONOTONIC `now_ns`.

        Raises:
            NotTold: none is known to be the pod's.
        """
        told_by, mine = ours(found, self._asking)
        by_uuid = {uuid: tuple(units) for uuid, units in groupby(found.units, lambda unit: unit.uuid)}
        devices = [
            self._gpu(by_uuid[uuid], tuple(units), now_ns)
            for uuid, units in groupby(mine, lambda unit: unit.uuid)
        ]
        alone = {unit.uuid for unit in mine if not unit.instance and not _others(unit)}
        self._energy.add({one.uuid: one.energy_joules for one in devices if one.uuid in alone})
        self._forget()
        devices.sort(key=lambda one: one.index)
        return GPUs(
            visible=True,
            source=DCGM,
            driver=found.driver,
            requested=self._asking.requested,
            told_by=told_by,
            devices=tuple(devices[:GPUS_LIMIT]),
            beyond=max(0, len(devices) - GPUS_LIMIT),
        )

    def _forget(self) -> None:
        """Keep those heard of last: an exporter may have other names for its GPUs at every look."""
        self._remembered = dict(list(self._remembered.items())[-_REMEMBERED:])
        self._last_xids = dict(list(self._last_xids.items())[-_REMEMBERED * MIG_LIMIT :])

    def _gpu(self, every: tuple[Unit, ...], mine: tuple[Unit, ...], now_ns: int) -> GPU:
        """One GPU: `every` row of it, the pod's of which are `mine`."""
        whole = next((unit for unit in every if not unit.instance), mine[0])
        partitioned = any(unit.instance for unit in every)
        remembered = self._remembered[whole.uuid] = self._remembered.pop(whole.uuid, Remembered())
        self._count_xids(remembered, whole, mine, now_ns)
        give = whole.figures.get
        watts, counted = _up_to(_MOST_WATTS, give(dcgm.POWER)), _up_to(_MOST_MILLIJOULES, give(dcgm.ENERGY))
        used = give(dcgm.UTILISATION)
        remembered.energy.add(now_ns, watts, _whole(counted))
        reasons = give(dcgm.SLOWDOWNS, give(dcgm.SLOWDOWNS_BEFORE_4))
        if reasons is not None:
            remembered.slowdowns.add(int(reasons), now_ns)
        grew_ns = remembered.count_uncorrected(_whole(give(dcgm.UNCORRECTED)), now_ns)
        in_use, there = (None, None) if partitioned else _memory(whole)
        return GPU(
            uuid=whole.uuid,
            index=whole.index,
            name=whole.product,
            ours=True,
            problem=_problem(mine, partitioned=partitioned),
            utilisation=None if used is None or partitioned else min(1.0, used * _PERCENT),
            memory_used_bytes=in_use,
            memory_total_bytes=there,
            power_watts=watts,
            energy_joules=remembered.energy.joules,
            energy_integrated=remembered.energy.integrated,
            temperature_celsius=_up_to(_MOST_CELSIUS, give(dcgm.TEMPERATURE)),
            slowdowns=None if reasons is None else remembered.slowdowns.shares(),
            slowdown_samples=remembered.slowdowns.count,
            ecc_corrected=_whole(give(dcgm.CORRECTED)),
            ecc_uncorrected=_whole(give(dcgm.UNCORRECTED)),
            ecc_uncorrected_age_seconds=None if grew_ns is None else (now_ns - grew_ns) * 1e-9,
            repair_pending=_flag(give(dcgm.REPAIR_PENDING)),
            repair_failed=_flag(give(dcgm.REPAIR_FAILED)),
            xids=remembered.xids.report(now_ns),
            xids_seen=any(dcgm.XID in unit.figures for unit in (whole, *mine)),
            partitioned=partitioned,
            instances=tuple(map(_instance, mine[:MIG_LIMIT])) if partitioned else (),
        )

    def _count_xids(self, remembered: Remembered, whole: Unit, mine: Iterable[Unit], now_ns: int) -> None:
        """New errors of the pod's parts; of a partitioned GPU as a whole those of the hardware alone."""
        own = {unit.key: unit for unit in mine}
        for unit in {whole.key: whole, **own}.values():
            number = _whole(unit.figures.get(dcgm.XID))
            if number is None:
                continue
            before = self._last_xids.pop(unit.key, None)
            self._last_xids[unit.key] = number
            if before is None or number in {0, before}:
                continue
            if unit.key in own or kind(number) == HARDWARE:
                remembered.xids.add(number, now_ns)


def _instance(unit: Unit) -> MIGInstance:
    used, there = _memory(unit)
    active = unit.figures.get(dcgm.ENGINE_ACTIVE)
    return MIGInstance(
        uuid=f"instance {unit.instance}" + (f" ({unit.profile})" if unit.profile else ""),
        ours=True,
        memory_used_bytes=used,
        memory_total_bytes=there,
        utilisation=None if active is None else min(1.0, active),
    )


def _memory(unit: Unit) -> tuple[int | None, int | None]:
    """Bytes in use and there."""
    used, free = unit.figures.get(dcgm.USED), unit.figures.get(dcgm.FREE)
    if used is None or free is None:
        return None, None
    there = used + free + unit.figures.get(dcgm.RESERVED, 0.0)
    return (int(used * _MIB), int(there * _MIB)) if there <= _MOST_MIB else (None, None)


def _problem(mine: tuple[Unit, ...], *, partitioned: bool) -> str:
    used = {"utilisation": (dcgm.ENGINE_ACTIVE,) if partitioned else (dcgm.UTILISATION,)}
    lacking = [
        figure
        for figure, fields in (used | _EXPECTED).items()
        if any(field not in unit.figures for unit in mine for field in fields)
    ]
    said = [f"not exported: {', '.join(lacking)}"] if lacking else []
    others = max(map(_others, mine))
    if others:
        said.append(f"shared, with {others} other pods at most: the figures are of all of them together")
    return "; ".join(said)


def _others(unit: Unit) -> int:
    """Pods that have it beside ours."""
    return max(0, len({(one.namespace, one.name) for one in unit.holders}) - 1)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _up_to(most: float, value: float | None) -> float | None:
    return value if value is not None and value <= most else None


def _flag(value: float | None) -> bool | None:
    return None if value is None else value > 0
