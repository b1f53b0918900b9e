"""Builds the container images: `make images`."""
