"""A pod that sends given requests to a model or a sidecar, one after the other, and tells what came back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from e2e import chat
from e2e.kubectl import Kubectl
from e2e.waiting import until

CHAT = "/v1/chat/completions"
_PYTHON = "/opt/model/bin/python"
_SCRIPT = """
import http.client, json, sys
address, path = sys.argv[1], sys.argv[2]
for given in sys.argv[3:]:
    headers, body = json.loads(given)
    connection = http.client.HTTPConnection(address, timeout=120)
    headers = {"content-type": "application/json", **headers}
    connection.request("POST", path, json.dumps(body), headers)
    reply = connection.getresponse()
    print(json.dumps([reply.status, json.loads(reply.read())]), flush=True)
    connection.close()
"""
Headers = Mapping[str, str]


def saying(text: str, *messages: Mapping[str, str], **fields: Any) -> dict[str, Any]:
    """A request to which the model answers with exactly this text: llama.cpp samples by the grammar given."""
    grammar = f"root ::= {json.dumps(text, ensure_ascii=False)}"
    return {"messages": list(messages), "max_tokens": 200, "grammar": grammar, **fields}


def answers(
    namespace: Kubectl,
    image: str,
    *requests: Mapping[str, Any],
    headers: Headers | Sequence[Headers] | None = None,
) -> list[str]:
    """What the model of the Service `chat` said to each, asked by one pod; all must be answered with 200."""
    found = replies(namespace, image, *requests, headers=headers)
    assert [status for status, _ in found] == [200] * len(requests), found
    return [str(said["choices"][0]["message"]["content"]) for _, said in found]


def replies(
    namespace: Kubectl,
    image: str,
    *bodies: Mapping[str, Any],
    headers: Headers | Sequence[Headers] | None = None,
    to: tuple[str, str] | None = None,
) -> list[tuple[int, Any]]:
    """Status and JSON that come back of each, posted by one pod.

    Args:
        namespace: of the pod.
        image: the model's.
        bodies: one after the other, each by a connection of its own.
        headers: of all requests, or of each its own.
        to: address with port, and path; the Service `chat`, to be chatted with, unless said.
    """
    name = f"asks-{secrets.token_hex(3)}"
    where = to or (f"{namespace.get(f'service/{chat.NAME}')['spec']['clusterIP']}:80", CHAT)
    each = headers if isinstance(headers, Sequence) else [headers or {}] * len(bodies)
    given = [json.dumps(one) for one in zip(each, bodies, strict=True)]
    container = {
        "name": "asks",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [_PYTHON, "-c", _SCRIPT, *where, *given],
    }
    spec = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})

    def over() -> bool:
        phase = namespace.get(f"pod/{name}")["status"].get("phase")
        assert phase != "Failed", namespace("logs", name)
        return bool(phase == "Succeeded")

    until(over, f"pod {name} to be done", 60.0 + 30.0 * len(bodies))
    found = [json.loads(line) for line in namespace("logs", name).splitlines()]
    namespace("delete", f"pod/{name}", "--wait=false")
    return [(status, said) for status, said in found]
