"""`python -m llmmonitor_api.crd [--check] [PATH]`: writes the CRD, or says whether the file is current."""

import argparse
import sys
from pathlib import Path

from llmmonitor_api.crd.definition import NAME, render
from llmmonitor_api.generated import keep_current


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0, or 1 when `--check` finds the file stale or missing."""
    parser = argparse.ArgumentParser(prog="python -m llmmonitor_api.crd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is stale")
    parser.add_argument("path", nargs="?", type=Path, default=Path("crds") / f"{NAME}.yaml")
    options = parser.parse_args(arguments)
    return keep_current(options.path, render(), check=options.check, by="python -m llmmonitor_api.crd")


if __name__ == "__main__":
    sys.exit(main())
