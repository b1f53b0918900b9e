"""Whether the pod's containers shall see each other's processes (`resources.processes`).

Sharing changes the model's pod: its first process is no longer pid 1. So by itself it is done only where the
engine is known to bear it, the pod does not say otherwise, and nothing in it counts on being pid 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from llmmonitor_api.spec.resources import ProcessVisibility
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.containers import PROBES, long_running
from llmmonitor_operator.pods.serving import Serving

_INIT_SYSTEMS = frozenset(
    {"init", "systemd", "tini", "dumb-init", "catatonit", "s6-svscan", "runit", "runsvdir", "supervisord"}
)
_PID_ONE = re.compile(r"\bkill\b[^;&|\n]*\s1\b|/proc/1\b")


def may_share_processes(pod: Raw, wanted: ProcessVisibility, serving: Serving) -> bool:
    """Whether to set `shareProcessNamespace`: never against the pod's word, or with the node's processes."""
    spec = pod.get("spec", {})
    if wanted is ProcessVisibility.NEVER or spec.get("hostPID") or "shareProcessNamespace" in spec:
        return False
    if wanted is ProcessVisibility.SHARED:
        return True
    return serving.recognised and not any(map(_counts_on_pid_one, long_running(pod)))


def _counts_on_pid_one(container: Raw) -> bool:
    command = container.get("command") or ()
    if command and PurePosixPath(command[0]).name in _INIT_SYSTEMS:
        return True
    return any(_PID_ONE.search(" ".join(words)) for words in (_words(container), *_executed(container)))


def _words(container: Raw) -> list[str]:
    return [*(container.get("command") or ()), *(container.get("args") or ())]


def _executed(container: Raw) -> Iterator[list[str]]:
    """What the kubelet runs inside the container."""
    hooks: dict[str, Any] = container.get("lifecycle") or {}
    for one in (*(container.get(probe) for probe in PROBES), hooks.get("postStart"), hooks.get("preStop")):
        yield list(((one or {}).get("exec") or {}).get("command") or ())
