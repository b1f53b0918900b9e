"""From a pod and a plan to the sidecar: a container as JSON, and the patch that brings it in."""
