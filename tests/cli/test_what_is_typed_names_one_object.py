"""What is typed for a name is part of a path at the API server, and what KUBECONFIG names may be any file."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmmonitor_cli.kubeconfig import NoCluster, namespace_of, speaking_to
from llmmonitor_cli.main import app
from llmmonitor_cli.people import NotDone, token_of

ELSEWHERE = ["../../../../../api/v1/namespaces/prod/pods/chat-0", "chat?dryRun=All", "Chat", "a/b", "\x1b[2J"]


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("options", [["chat", "-n"], []], ids=["namespace", "name"])
def test_a_name_leads_to_no_other_object(name: str, options: list[str]) -> None:
    found = CliRunner().invoke(app, ["accept", *options, name], env={"COLUMNS": "200"})

    assert found.exit_code == 2
    assert "is no object's name" in found.output
    assert "\x1b[2J" not in found.output


async def test_a_service_account_is_no_other_object() -> None:
    with pytest.raises(NotDone, match="is no NAMESPACE/NAME of a ServiceAccount"):
        await token_of(None, "prod/../../secrets/x")  # type: ignore[arg-type]  # nothing is asked of it


@pytest.mark.parametrize("content", [b"\x00\xff\xfe", b"a text", b"[1, 2]", b"{a: ]", b"a: {b"])
async def test_a_file_that_is_no_kubeconfig_is_said_to_be_none(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config"
    file.write_bytes(content)
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(file))
    monkeypatch.setenv("KUBECONFIG", str(file))

    with pytest.raises(NoCluster, match=r"no cluster to speak to: .*config"):
        async with speaking_to(None):
            pass
    with pytest.raises(NoCluster, match=r"no cluster to speak to|no namespace to look in"):
        namespace_of(None)
