from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", ["accept", "audit", "report"])
async def test_without_a_current_context_the_namespace_must_be_said(command: str, tmp_path: Path) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
            }
        )
    )

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "llmmonitor_cli.main", command, "chat", "--context", "there"),
        env=os.environ | {"KUBECONFIG": str(kubeconfig)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()

    assert process.returncode
    assert "current-context" in output.decode()
    assert "give --namespace" in output.decode()
    assert "Traceback" not in output.decode()
