from __future__ import annotations

import asyncio
import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.report.kept_weeks import NAME, NAMESPACE, Weeks, saved
from tests.operator import kube_server
from typer.testing import CliRunner, Result

from llmmonitor_cli.main import app

pytestmark = pytest.mark.timeout(300)  # four weeks take seconds to make, on a busy machine a minute or two

UNUSABLE = 2


@pytest.fixture
def file(kept: list[dict[str, Any]], tmp_path: Path) -> Path:
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({"kind": "List", "items": kept}))
    return path


def said(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_a_page_is_written_and_said_in_a_line(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    result = said(NAME, "-n", NAMESPACE, "--from-checkpoint", file, "-o", page)

    assert result.exit_code == 0, result.output
    assert result.output == (
        f"llmmonitor {NAMESPACE}/{NAME}: Not healthy (2 gaps are said in it); the report: {page}\n"
    )
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("name", "begins"),
    [("page.md", "# prod/support-chat: Not healthy"), ("page.json", '{\n  "schemaVersion": 1')],
)
def test_the_ending_of_the_file_says_the_format(file: Path, tmp_path: Path, name: str, begins: str) -> None:
    result = said(NAME, "--from-checkpoint", file, "-o", tmp_path / name)

    assert result.exit_code == 0, result.output
    assert (tmp_path / name).read_text().startswith(begins)


@pytest.mark.parametrize("form", ["html", "json", "markdown"])
def test_no_terminal_obeys_what_strangers_named(
    kept: list[dict[str, Any]], tmp_path: Path, form: str
) -> None:
    objects = copy.deepcopy(kept)
    [monitor] = [one for one in objects if one["kind"] == "LLMMonitor"]
    for one in monitor["status"]["conditions"]:
        one["message"] = "\x1bc\x9b2J\u202etxt.exe"
    path = tmp_path / "kept.json"
    path.write_text(json.dumps({"kind": "List", "items": objects}))

    result = said(NAME, "--from-checkpoint", path, "--format", form, "-o", "-")

    assert not {"\x1b", "\x9b", "\u202e"} & {*result.output}
    assert "u001bc" in result.output
    assert form != "json" or json.loads(result.output)


def test_what_was_saved_is_reported_up_to_when_it_was_saved(file: Path) -> None:
    result = said(NAME, "--from-checkpoint", file, "--days", "7", "--format", "json", "-o", "-")

    period = json.loads(result.output)["period"]
    assert (period["end"], period["end"] - period["begin"]) == (1_800_622_800.0, 7 * 86_400)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "pdf"), "there are html, json, markdown"),
        (("--since", "yesterday"), "write a date such as"),
        (("--since", "2027-01-01", "--days", "3"), "give one of them"),
        (("-n", "elsewhere"), "0 monitors elsewhere/support-chat"),
        (("-o", "/nowhere/page.html"), "give another file with -o"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_way_out(
    file: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = said(NAME, "--from-checkpoint", file, *arguments)

    assert result.exit_code == UNUSABLE
    assert words in result.output
    assert "Traceback" not in result.output


async def test_a_kubeconfig_leads_to_the_monitor_as_it_does_for_kubectl(weeks: Weeks, tmp_path: Path) -> None:
    config = tmp_path / "config"
    page = tmp_path / "page.html"
    async with kube_server.serving() as server:
        await saved(weeks, server)
        context = {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": NAMESPACE}}
        config.write_text(
            json.dumps(
                {
                    "clusters": [{"name": "c", "cluster": {"server": server.url}}],
                    "users": [{"name": "u", "user": {}}],
                    "contexts": [context],
                    "current-context": "here",
                }
            )
        )
        command = [sys.executable, "-m", "llmmonitor_cli.main", "report", NAME, "--since", "2027-01-01"]
        process = await asyncio.create_subprocess_exec(
            *command,
            *("--until", "2027-01-22", "-o", str(page)),
            env=os.environ | {"KUBECONFIG": str(config)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()

    assert process.returncode == 0, output.decode()
    assert output.decode().startswith(f"llmmonitor {NAMESPACE}/{NAME}: Not healthy")
    assert "2027-01-01 00:00 UTC" in page.read_text()
