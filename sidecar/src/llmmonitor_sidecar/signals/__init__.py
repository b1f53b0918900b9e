"""One file per signal: what the sidecar collects of it. Judging is the operator's (`evaluate/`)."""
