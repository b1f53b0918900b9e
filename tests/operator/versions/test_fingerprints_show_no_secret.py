from __future__ import annotations

from typing import Any

import pytest
from tests.operator.model_pods import running_pod

from llmmonitor_api.report.report import Engine
from llmmonitor_api.spec.versions import VersionSource
from llmmonitor_operator.versions.fingerprint import (
    IMAGE,
    LABEL,
    OTHER_ARGUMENTS,
    differ,
    name_of,
    parts,
    parts_of_pod,
)

KEY = b"k" * 32
DIGEST = "sha256:" + "ab12" * 16


def pod(*arguments: str, image_id: str = f"docker.io/vllm/vllm-openai@{DIGEST}") -> dict[str, Any]:
    found = running_pod()
    found["spec"]["containers"][0]["args"] = list(arguments)
    found["status"]["containerStatuses"][0]["imageID"] = image_id
    return found


def test_image_and_harmless_arguments_are_shown() -> None:
    found = parts_of_pod(pod("--model", "meta/llama-3", "--quantization=awq", "--enforce-eager"), "vllm", KEY)

    assert found[IMAGE] == DIGEST
    assert found["--model"] == "meta/llama-3"
    assert found["--quantization"] == "awq"
    assert found["--enforce-eager"] == "given"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--hf-overrides", '{"token": "canary-7f3"}'),
        ("--model=https://bucket.test/m?signature=canary-7f3",),
        ("canary-7f3",),
        ("--unknown", "canary-7f3", "and more"),
    ],
)
def test_others_are_seen_to_change_and_never_shown(arguments: tuple[str, ...]) -> None:
    before, after = parts_of_pod(pod(), "vllm", KEY), parts_of_pod(pod(*arguments), "vllm", KEY)

    assert differ(before, after) == (OTHER_ARGUMENTS,)
    assert "canary" not in repr(after)
    assert after != parts_of_pod(pod(*arguments), "vllm", b"another key that no one else has")


def test_what_cannot_change_an_answer_counts_for_nothing_and_keys_are_not_even_hashed() -> None:
    arguments = ("--api-key", "canary-7f3", "--port=8001", "--ssl-keyfile", "/k", "--uvicorn-log-level=debug")

    assert parts_of_pod(pod(*arguments), "vllm", KEY) == parts_of_pod(pod(), "vllm", KEY)


def test_an_image_without_a_digest_yet_and_a_container_that_is_not_there_say_nothing() -> None:
    assert IMAGE not in parts_of_pod(pod(image_id=""), "vllm", KEY)
    assert parts_of_pod(pod(), "other", KEY) == {}
    assert OTHER_ARGUMENTS not in parts_of_pod(pod("secret"), "vllm", b"")


def test_a_version_is_told_by_what_the_owner_says() -> None:
    of_pod = {IMAGE: DIGEST, LABEL: "v7", "--dtype": "half"}
    engine = Engine("vLLM", version="0.11.0", model="chat", weights="from /models/b")

    whole = parts(of_pod, engine, "fp_1", VersionSource.FINGERPRINT)
    assert whole == {
        IMAGE: DIGEST,
        "--dtype": "half",
        "engine": "vLLM 0.11.0",
        "model": "chat",
        "weights": "from /models/b",
        "system fingerprint": "fp_1",
    }
    assert name_of(parts(of_pod, engine, "", VersionSource.LABEL), VersionSource.LABEL) == "v7"
    assert name_of(parts(of_pod, engine, "", VersionSource.IMAGE), VersionSource.IMAGE) == DIGEST[7:19]
    assert parts({}, engine, "", VersionSource.LABEL) == {}


def test_what_is_not_known_differs_from_nothing() -> None:
    assert differ({"model": "a"}, {"engine": "vLLM 1"}) == ()
    assert differ({"model": "a", "engine": "vLLM 1"}, {"model": "b", "engine": "vLLM 1"}) == ("model",)
