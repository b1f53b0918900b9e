"""What the GPUs do, by a DCGM exporter on the node: for pods whose sidecar sees no driver.

`exposition` reads its text, `whose` finds the pod's GPUs in it, `figures` makes a `report.GPUs` of them and
remembers what a single look does not show, `asker` asks it, in the analyser's loop and never waited for.
NVML comes first (`samplers/gpu`): while the driver answers, the exporter is not asked.
"""
