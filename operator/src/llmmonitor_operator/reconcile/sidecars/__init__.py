"""Sidecars as the passes see them: how each pod stands, its reports, its settings, its coming."""
