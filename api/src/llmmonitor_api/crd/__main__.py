"""`python -m llmmonitor_api.crd [--check] [PATH ...]`: writes the CRD, or says whether the files are current.

Without paths both: that for `kubectl apply`, and the chart's copy (a chart can't reach outside its folder).
"""

import argparse
import sys
from pathlib import Path

from llmmonitor_api.crd.definition import NAME, render
from llmmonitor_api.generated import keep_current

FILES = (Path("crds") / f"{NAME}.yaml", Path("charts") / "llm-monitor" / "files" / f"{NAME}.yaml")


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 1 when `--check` finds a file stale or missing."""
    parser = argparse.ArgumentParser(prog="python -m llmmonitor_api.crd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    parser.add_argument("paths", nargs="*", type=Path, default=FILES)
    options = parser.parse_args(arguments)
    text = render()
    by = "python -m llmmonitor_api.crd"
    return max(keep_current(path, text, check=options.check, by=by) for path in options.paths)


if __name__ == "__main__":
    sys.exit(main())
