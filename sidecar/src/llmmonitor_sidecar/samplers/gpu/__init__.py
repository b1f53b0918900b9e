"""What the GPUs do, by NVML, NVIDIA's management library, where this container can see the driver.

`thread` asks, so that a driver that hangs holds up nobody; `sampler` makes a `report.GPUs` of what a
`session` reads; `library` finds the library, `answers` asks one function of it and takes every refusal for an
ordinary outcome; `device` reads one GPU and `instances` the parts of a partitioned one; `energy`, `xids`,
`slowdowns` and `lost` know what a single look does not show, and `remembered` keeps it by GPU; `ours` tells
the pod's GPUs from others. GPUs of other makers are not seen.
"""
