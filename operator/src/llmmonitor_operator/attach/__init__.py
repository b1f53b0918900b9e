"""Bringing the sidecar into pods that run already, and what is learnt from that: pure, done by others."""
