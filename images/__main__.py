"""`python -m images`: builds the product's images and prints what they are called and how large they are."""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import subprocess
import sys
import time

from images import tools
from images.build import build, cache_folder
from images.table import PRODUCT


def main() -> int:
    """Build; 1 is a failure, 3 that nothing here can build images."""
    tool = tools.find(cache_folder())
    if tool is None:
        print("neither docker (with its daemon) nor buildah is here: install one of them", file=sys.stderr)
        return 3
    for image in PRODUCT:
        began = time.monotonic()
        try:
            [built] = build([image], tool, cache_folder())
        except subprocess.CalledProcessError as error:
            print(f"{image.name} was not built: {error}; what the tool said stands above", file=sys.stderr)
            return 1
        size = f"{built.compressed_bytes / 1e6:.0f} MB, {time.monotonic() - began:.0f} s"
        print(f"{built.repository}:{built.tag}@{built.digest}  {size}\n    {built.archive}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
