"""`python -m llmmonitor_api.crd [--check] [PATH ...]`: writes the CRD, or says whether the files are current.

Without paths both: that for `kubectl apply`, and the chart's copy (a chart can't reach outside its folder).
"""

import sys
from pathlib import Path

from llmmonitor_api import generated
from llmmonitor_api.crd.definition import NAME, render

FILES = (Path("crds") / f"{NAME}.yaml", Path("charts") / "llm-monitor" / "files" / f"{NAME}.yaml")


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 1 when `--check` finds a file stale or missing."""
    return generated.command(arguments, render, prog="python -m llmmonitor_api.crd", paths=FILES)


if __name__ == "__main__":
    sys.exit(main())
