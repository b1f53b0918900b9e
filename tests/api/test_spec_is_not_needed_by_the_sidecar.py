import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["llmmonitor_api", "llmmonitor_api.conditions"])
def test_what_the_sidecar_imports_brings_neither_pydantic_nor_yaml(module: str) -> None:
    program = (
        f"import sys, {module}; print(*sorted({{'pydantic', 'ruamel.yaml', 'yaml'}} & set(sys.modules)))"
    )

    found = subprocess.run(
        [sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True, timeout=60
    )

    assert found.stdout.split() == []
