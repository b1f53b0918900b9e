"""`python -m images`: builds the product's images and prints what they are called and how large they are.

PUSH=registry.example.com/llm pushes them there too and prints what the chart is to be told; RENEW=1 brings a
new base before.
"""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping

from images import tools
from images.build import build, cache_folder
from images.table import PRODUCT


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Build; 1 is a failure, 3 that nothing here can build images."""
    tool = tools.find(cache_folder(), environment)
    if tool is None:
        print("neither docker (with its daemon) nor buildah is here: install one of them", file=sys.stderr)
        return 3
    registry, renew = environment.get("PUSH", "").rstrip("/"), bool(environment.get("RENEW"))
    for image in PRODUCT:
        began = time.monotonic()
        try:
            [built] = build([image], tool, cache_folder(), renew=renew)
            size = f"{built.size}, {time.monotonic() - began:.0f} s"
            print(f"{built.repository}:{built.tag}@{built.digest}  {size}\n    {built.archive}", flush=True)
            if registry:
                pushed = f"{registry}/{image.name}"
                print(f"    pushed: {pushed}@{tool.push(built.archive, f'{pushed}:{built.tag}')}", flush=True)
        except subprocess.CalledProcessError as error:
            print(f"{image.name}: {error}; what the tool said stands above", file=sys.stderr)
            return 1
        renew = False  # one base for all
    if not registry:
        print("Not pushed: these are the archives' digests. PUSH=registry.example.com/llm pushes, and prints")
        print("the registry's digests, which the chart is to be told.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
