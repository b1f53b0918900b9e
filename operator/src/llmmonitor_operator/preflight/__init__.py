"""Whether a namespace admits the sidecar, found out before any pod depends on it: pure, asked by others."""
