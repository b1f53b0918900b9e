"""What a person would look at when a test has failed: descriptions, events, logs; bounded, never an error.

Of the test's own namespace and of the release's, while both are still there.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator

from e2e.kubectl import Kubectl, Refused

_LOG_LINES = 60
_MOST_CHARACTERS = 12_000
"""Of one answer; its end is kept."""
_MOST_PODS = 12
_PATIENCE_SECONDS = 20


def of(cluster: Kubectl, namespaces: Iterable[str]) -> str:
    """Everything worth reading, under headings that are the commands."""
    return "\n".join(part for namespace in namespaces for part in _of_namespace(cluster.within(namespace)))


def _of_namespace(kubectl: Kubectl) -> Iterator[str]:
    yield _said(kubectl, "get", "llmmonitors,pods", "--output=wide")
    yield _said(kubectl, "describe", "llmmonitors")
    yield _said(kubectl, "describe", "pods")
    yield _said(kubectl, "get", "events", "--sort-by=.lastTimestamp")
    names = _answer(kubectl, "get", "pods", "--output=name").split()
    for pod in [name for name in names if name.startswith("pod/")][:_MOST_PODS]:
        logs = ("logs", pod, "--all-containers", "--prefix", f"--tail={_LOG_LINES}")
        yield _said(kubectl, *logs)
        yield _said(kubectl, *logs, "--previous")


def _said(kubectl: Kubectl, *arguments: str) -> str:
    command = " ".join(("kubectl", f"--namespace={kubectl.namespace}", *arguments))
    return f"--- {command}\n{_answer(kubectl, *arguments)[-_MOST_CHARACTERS:]}"


def _answer(kubectl: Kubectl, *arguments: str) -> str:
    try:
        return kubectl(*arguments, f"--request-timeout={_PATIENCE_SECONDS}s")
    except (Refused, subprocess.TimeoutExpired) as error:
        return str(error)
