"""What a sidecar reports, and the arithmetic that replicas' reports need.

Everything here is cumulative since the sidecar's boot and merges without loss: counters, histograms of one
fixed layout, bounded frequency tables. No averages and no percentiles: those do not add.
"""
