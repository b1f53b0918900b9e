"""What the GPUs do, by NVML, NVIDIA's management library, where this container can see the driver.

`thread` asks, so that a driver that hangs holds up nobody; `sampler` makes a `report.GPUs` of what a
`session` reads; `library` finds the library, `answers` asks one function of it and takes every refusal for an
ordinary outcome; `device` reads one GPU and `instances` the parts of a partitioned one; `energy`, `slowdowns`
and `xids` remember what has to be added up; `ours` tells the pod's GPUs from others. GPUs of other makers are
not seen.
"""
