from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_the_operator_folder_does_not_shadow_pythons_operator() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert not list((ROOT / "operator").glob("*.py"))

    # `-c` puts the working directory, the repository's root, first on the path
    assert run("import operator; print(operator.add(1, 2))") == "3\n"


@pytest.mark.parametrize(
    ("module", "not_loaded"),
    [
        ("llmmonitor_operator.evaluate", {"kopf", "kubernetes"}),
        ("llmmonitor_sidecar.main", {"pydantic", "aiohttp", "prometheus_client", "psutil", "httptools"}),
        ("llmmonitor_sidecar.analyser.process", {"pydantic", "kopf", "kubernetes"}),
        ("llmmonitor_sidecar.relay.process", {"pydantic", "aiohttp", "httptools"}),
        ("llmmonitor_api", {"pydantic", "msgspec"}),
    ],
)
def test_heavy_packages_load_only_where_they_are_used(module: str, not_loaded: set[str]) -> None:
    loaded = run(f"import sys, {module}; print('\\n'.join(sys.modules))").splitlines()

    assert not_loaded.isdisjoint(loaded)


def test_every_dependency_is_locked_with_hashes() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        pinned = [line for line in text.splitlines() if "==" in line and not line.lstrip().startswith("#")]
        assert pinned
        assert all(line.rstrip().endswith("\\") for line in pinned), f"{lock.name}: a pin without a hash"


def test_files_stay_small_enough_to_be_read() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("api", "sidecar", "operator", "cli", "bench")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 400
    }

    assert not long, f"over 400 lines: {long}"


def test_types_are_checked_of_every_file() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    folders = [ROOT / folder for folder in settings["files"]]

    unchecked = [
        str(path.relative_to(ROOT))
        for top in ROOT.iterdir()
        if top.is_dir() and not top.name.startswith(".")
        for path in top.rglob("*.py")
        if not any(path.is_relative_to(folder) for folder in folders)
    ]
    assert not unchecked, f"not in [tool.mypy] files: {unchecked}"
