"""The version before this one, built from the repository's history: its chart, its CRD and its images.

Whoever upgrades comes from a version that knows nothing of this one, so nothing of this tree may stand in
for it. `COMMIT` moves with each release; a checkout without history skips what needs it.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.cluster import containerd
from e2e.cluster.layout import Layout
from images.table import PRODUCT, ROOT

COMMIT = "24979c8df0ed"
"""The state of the operator, the webhook, the sidecar and the chart before hand-over, Restart and shards."""
_BUILD_SECONDS = 900
_IMPORT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Previous:
    """What a person who installed it has."""

    chart: Path
    crd: Path
    images: dict[str, str]
    """What a pod's manifest says, by the image's name."""


def previous(layout: Layout, folder: Path) -> Previous:
    """Unpack it into `folder`, build its images, and give them to every node."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", COMMIT], cwd=ROOT, capture_output=True, check=False, timeout=60
    )
    if archive.returncode:
        why = archive.stderr.decode().strip()
        pytest.skip(f"!!! NOT TESTED: the version before this one is not in this checkout's history: {why}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    said = subprocess.run(
        [sys.executable, "-m", "images"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=_BUILD_SECONDS,
    ).stdout
    return Previous(
        chart=folder / "charts" / "llm-monitor",
        crd=folder / "crds" / "llmmonitors.llmmonitor.io.yaml",
        images=dict(_imported(layout, line, archive) for line, archive in _pairs(said)),
    )


def _pairs(said: str) -> list[tuple[str, str]]:
    """Two lines for each image: what it is called, and where its archive lies."""
    lines = [line for line in said.splitlines() if line.strip()]
    return [
        (line, lines[number + 1].strip())
        for number, line in enumerate(lines)
        if any(f"/{image.name}:" in line for image in PRODUCT)
    ]


def _imported(layout: Layout, line: str, archive: str) -> tuple[str, str]:
    tagged, _, digest = line.split(maxsplit=1)[0].partition("@")
    repository = tagged.rpartition(":")[0]
    for node in layout.nodes():
        named = ("--digests", f"--base-name={repository}")
        command = containerd.ctr(layout, node, "images", "import", *named, archive)
        subprocess.run(command, check=True, capture_output=True, timeout=_IMPORT_SECONDS)
    return repository.removeprefix("localhost/"), f"{repository}@{digest}"


def fields(definition: dict[str, object]) -> set[str]:
    """Every field of a CustomResourceDefinition's schema, as paths: what an upgrade may add."""
    found: set[str] = set()

    def walk(path: str, schema: object) -> None:
        if isinstance(schema, dict):
            for name, below in (schema.get("properties") or {}).items():
                found.add(f"{path}.{name}")
                walk(f"{path}.{name}", below)
            walk(f"{path}[]", schema.get("items"))

    [version] = json.loads(json.dumps(definition))["spec"]["versions"]
    walk("", version["schema"]["openAPIV3Schema"])
    return found
