"""`llm-monitor` as a person runs it: a process of its own, with the kubeconfig of the tests' cluster."""

from __future__ import annotations

import os
import subprocess
import sys

from e2e.kubectl import Kubectl

_SECONDS = 120.0


def llm_monitor(kubectl: Kubectl, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run `llm-monitor ARGUMENTS --namespace NAMESPACE`, with `typed` on its input."""
    *before, _kubectl, kubeconfig = kubectl.command
    place = [f"--namespace={kubectl.namespace}"] if kubectl.namespace else []
    return subprocess.run(
        [*before, sys.executable, "-m", "llmmonitor_cli.main", *arguments, *place],
        input=typed,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
        env={**os.environ, "KUBECONFIG": kubeconfig.partition("=")[2], "COLUMNS": "200"},
    )
