"""A pod that sends a model given requests, one after the other, and tells what came back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from e2e import chat
from e2e.kubectl import Kubectl
from e2e.waiting import until

_PYTHON = "/opt/model/bin/python"
_SCRIPT = """
import http.client, json, sys
host, headers = sys.argv[1], json.loads(sys.argv[2])
for body in sys.argv[3:]:
    connection = http.client.HTTPConnection(host, 80, timeout=120)
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", **headers})
    reply = connection.getresponse()
    text = reply.read().decode()
    found = json.loads(text)["choices"][0]["message"]["content"] if reply.status == 200 else text
    print(json.dumps([reply.status, found]), flush=True)
    connection.close()
"""


def saying(text: str, *messages: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """A request to which the model answers with exactly this text: llama.cpp samples by the grammar given."""
    grammar = f"root ::= {json.dumps(text, ensure_ascii=False)}"
    return {"messages": list(messages), "max_tokens": 200, "grammar": grammar, **fields}


def answers(
    namespace: Kubectl, image: str, *requests: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> list[str]:
    """What the model of the Service `chat` said to each, asked by one pod; all must be answered with 200."""
    name = f"asks-{secrets.token_hex(3)}"
    address = namespace.get(f"service/{chat.NAME}")["spec"]["clusterIP"]
    container = {
        "name": "asks",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [_PYTHON, "-c", _SCRIPT, address, json.dumps(headers or {}), *map(json.dumps, requests)],
    }
    spec = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})

    def over() -> bool:
        phase = namespace.get(f"pod/{name}")["status"].get("phase")
        assert phase != "Failed", namespace("logs", name)
        return bool(phase == "Succeeded")

    until(over, f"pod {name} to be done", 60.0 + 30.0 * len(requests))
    found = [json.loads(line) for line in namespace("logs", name).splitlines()]
    namespace("delete", f"pod/{name}", "--wait=false")
    assert [status for status, _ in found] == [200] * len(requests), found
    return [text for _, text in found]
