"""Labels of the objects that the operator makes in the release namespace."""

from __future__ import annotations


def of_release(component: str) -> dict[str, str]:
    """That it belongs to us, and to which part."""
    return {"app.kubernetes.io/part-of": "llm-monitor", "app.kubernetes.io/component": component}


def kept(fullname: str) -> dict[str, str]:
    """What an uninstall keeps, and of which installation: the chart's notes select by it to clean up."""
    return {**of_release("operator"), "llmmonitor.io/kept": fullname}
