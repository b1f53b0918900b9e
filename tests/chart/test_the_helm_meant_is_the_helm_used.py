"""`helm` may be of any version on somebody's machine: only Helm 4 stands in for our own."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from e2e.cluster import binaries
from e2e.cluster.layout import Layout


@pytest.mark.parametrize(
    ("says", "taken"),
    [("echo v4.0.1", True), ("echo v3.22.0", False), ("echo v40.0.0", False), ("exit 1", False)],
)
def test_only_a_helm_of_version_4_is_taken_from_the_path(tmp_path: Path, says: str, *, taken: bool) -> None:
    layout = dataclasses.replace(Layout.from_environment(), cache=tmp_path)
    own, others = binaries.HELM.path(layout), tmp_path / "bin" / "helm"
    for program in (own, others):
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{says}\n")
        program.chmod(0o755)

    assert binaries.helm(layout, str(others.parent)) == (others if taken else own)
