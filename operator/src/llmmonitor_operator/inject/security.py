"""The sidecar's securityContext: exactly what the mode needs, and every field said.

What the container leaves unsaid it takes from the pod, where `runAsNonRoot` would keep our root from starting
and another uid would take its capabilities; so nothing is left unsaid. The chart's ValidatingAdmissionPolicy
allows exactly these.
"""

from __future__ import annotations

from typing import Any, Final

from llmmonitor_operator.inject.plan import Mode

UNPRIVILEGED_ID: Final = 65532
CAPABILITIES: Final = ("NET_ADMIN", "SETGID", "SETUID")
"""For the rule and the transparent socket, and to leave root."""


def security_context(mode: Mode) -> dict[str, Any]:
    """Transparent begins as root with three capabilities, of which it keeps one; other modes have none."""
    transparent = mode is Mode.TRANSPARENT
    uid = 0 if transparent else UNPRIVILEGED_ID
    capabilities: dict[str, list[str]] = {"drop": ["ALL"]}
    if transparent:
        capabilities["add"] = list(CAPABILITIES)
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": capabilities,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": uid,
        "runAsNonRoot": not transparent,
        "runAsUser": uid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
