"""The GPUs that a sidecar can see, as the driver or a DCGM exporter answered last: part of a report.

Every figure is None where it is not given (not supported, no permission, lost, not exported), and `problem`
says so. Which GPUs are the pod's is said of each, and how that was found out: nobody adds up others' figures.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmmonitor_api.report.values import Count, Name, Seconds, Share, Text

GPUS_LIMIT = 16
"""Of one node; HGX and DGX systems have 8, the largest PCIe servers 16."""
MIG_LIMIT = 8
"""Instances of one GPU; the hardware has 7 at most."""
XIDS_LIMIT = 16
"""Different error numbers that are told apart per GPU."""
SLOWDOWNS_LIMIT = 8

NVML, DCGM = "NVML", "DCGM"
"""Who measures: the driver's own library, or an exporter of the node."""

BY_PROCESSES = "processes"
"""A process of the model uses it."""
BY_NUMBER = "number"
"""As many are visible as the pod requests."""
BY_LABELS = "labels"
"""The DCGM exporter names the pod."""
BY_SIGHT = "sight"
"""Nobody said how many are requested, so all that are visible count."""
NOT_TOLD = ""
"""More are visible than the pod requests, and the model's processes are not seen on any."""

APPLICATION = "application"
"""XIDs of what ran on the GPU, which itself is well."""
HARDWARE = "hardware"
"""All others."""

POWER_CAP = "power cap"
"""Clocks held down to keep to the power limit: ordinary under load. The others below are not."""
HARDWARE_SLOWDOWN = "hardware slowdown"
SOFTWARE_THERMAL = "software thermal slowdown"
HARDWARE_THERMAL = "hardware thermal slowdown"
POWER_BRAKE = "power brake"
RELIABILITY_VOLTAGE = "reliability voltage"

Watts = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
Celsius = Annotated[float, msgspec.Meta(ge=-300, le=1e4)]
Joules = Annotated[float, msgspec.Meta(ge=0, le=1e18)]


class XID(msgspec.Struct, frozen=True, omit_defaults=True):
    """Errors of one number that the driver reported since the sidecar looks."""

    number: Count
    kind: Name
    """`APPLICATION` or `HARDWARE`."""
    count: Count
    age_seconds: Seconds
    """Of the newest."""


class MIGInstance(msgspec.Struct, frozen=True, omit_defaults=True):
    """One instance of a partitioned GPU."""

    uuid: Name
    ours: bool = False
    memory_used_bytes: Count | None = None
    memory_total_bytes: Count | None = None
    model_memory_bytes: Count | None = None
    """What the model's processes have of it; None where they are not seen on it."""
    utilisation: Share | None = None
    """Share of time in which its engine was active; of DCGM's profiling fields alone, NVML has none."""


class GPU(msgspec.Struct, frozen=True, omit_defaults=True):
    """One physical GPU."""

    uuid: Name
    """`GPU-...`; `index N` where the driver does not say."""
    index: Count = 0
    name: Name = ""
    ours: bool = False
    """Whether it, or an instance of it, is this pod's."""
    lost: bool = False
    """Whether it no longer answers: fallen off the bus, or in need of a reset."""
    problem: Text = ""
    """Which figures are not given, and why; empty when all are."""
    utilisation: Share | None = None
    """Share of time in which any kernel ran, as the driver samples it (up to 1 s): not how busy the GPU is.
    None on a partitioned one."""
    memory_used_bytes: Count | None = None
    memory_total_bytes: Count | None = None
    model_memory_bytes: Count | None = None
    """What the model's processes have of it; None where they are not seen on it."""
    power_watts: Watts | None = None
    energy_joules: Joules | None = None
    """Since the sidecar looks at it."""
    energy_integrated: bool = False
    """Whether that is power over time, since this GPU does not count its energy."""
    temperature_celsius: Celsius | None = None
    slowdowns: Annotated[dict[Name, Share], msgspec.Meta(max_length=SLOWDOWNS_LIMIT)] | None = None
    """Share of the last minute's samples in which clocks were held down, by why; those that never were are
    left out."""
    slowdown_samples: Count = 0
    ecc_corrected: Count | None = None
    """Memory errors since the driver was loaded."""
    ecc_uncorrected: Count | None = None
    ecc_uncorrected_age_seconds: Seconds | None = None
    """Since the count was last seen to grow; None if it never was."""
    repair_pending: bool | None = None
    """Whether a retired page or remapped row waits for a reset of the GPU."""
    repair_failed: bool | None = None
    """Whether a row could not be remapped: the GPU has to be replaced."""
    xids: Annotated[tuple[XID, ...], msgspec.Meta(max_length=XIDS_LIMIT)] = ()
    xids_seen: bool = False
    """Whether the driver tells us about such errors."""
    partitioned: bool | None = None
    """Whether MIG is on."""
    instances: Annotated[tuple[MIGInstance, ...], msgspec.Meta(max_length=MIG_LIMIT)] = ()
    """Those that the sidecar can see."""


class GPUs(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of asking the driver, and else the exporter."""

    visible: bool
    """Whether somebody measures them; if not, there are no devices below."""
    reason: Text = ""
    """Why the driver did not answer, in words; kept where an exporter answers in its place."""
    exporter_error: Text = ""
    """Why the DCGM exporter measures nothing, in words; empty if it does, or is not asked."""
    source: Name = ""
    """`NVML` or `DCGM`; empty while nobody measures."""
    driver: Name = ""
    """Its version."""
    sampled_age_seconds: Seconds = 0.0
    silent_seconds: Seconds | None = None
    """How long a call to the driver has not come back; None while it does."""
    requested: Count | None = None
    """As the pod's spec says; None where nobody told."""
    told_by: Name = NOT_TOLD
    """How the pod's GPUs were told from others: one of the constants above."""
    devices: Annotated[tuple[GPU, ...], msgspec.Meta(max_length=GPUS_LIMIT)] = ()
    beyond: Count = 0
    """GPUs more than are reported."""
