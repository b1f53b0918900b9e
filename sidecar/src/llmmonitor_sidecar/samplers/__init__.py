"""What the model takes of its machine: processes, cgroup, and in `gpu/` the GPUs.

`process_sampler` makes a `report.Resources` of it; `model_process` finds the model, `process_tree` reads its
tree, `cpu_account` adds CPU time up so that exits lose nothing, `cgroups` knows the files of both versions.
A process that vanishes while it is being read is an ordinary outcome everywhere here.
"""
