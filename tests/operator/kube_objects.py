"""What an API server does with objects, as functions: where they are, who is selected, how they are patched.

Nothing is kept and nothing is served here: that is `kube_server`'s.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import jsonpatch
from aiohttp import web
from tests.operator.kube_refusal import Refusal

Key = tuple[str, str, str, str]
"""API, namespace, plural, name."""
Target = tuple[str, str, str, str, str]
"""A key and its subresource; no name where the collection is meant."""
_PATH = re.compile(
    r"(?P<api>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<plural>[a-z]+)(/(?P<name>[^/]+))?(/(?P<sub>[a-z]+))?"
)


def target_of(path: str) -> Target:
    """What a path means.

    Raises:
        Refusal: nothing that is here.
    """
    found = _PATH.fullmatch(path)
    if not found:
        raise Refusal(404, f"the server could not find the requested resource {path}")
    parts = found.groupdict(default="")
    return parts["api"], parts["namespace"], parts["plural"], parts["name"], parts["sub"]


def within(key: Key, wanted: Key) -> bool:
    api, namespace, plural, _ = wanted
    return key[0] == api and key[2] == plural and namespace in {"", key[1]}


def chosen(thing: Mapping[str, Any], request: web.Request) -> bool:
    """By labels and, of the fields, by name."""
    name = request.query.get("fieldSelector", "").removeprefix("metadata.name=")
    named = not name or "=" in name or thing["metadata"]["name"] == name
    return named and _matches(thing, request.query.get("labelSelector", ""))


def _matches(thing: Mapping[str, Any], selector: str) -> bool:
    labels = thing["metadata"].get("labels") or {}
    for wanted in filter(None, selector.split(",")):
        name, equals, value = wanted.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True


def half_of(old: Mapping[str, Any], new: dict[str, Any], half: str) -> dict[str, Any]:
    """`new` with what its door does not open to as it was."""
    kept = dict(old) if half else {**new, "status": old.get("status")}
    if half:
        kept["status"] = new.get("status")
    return {key: value for key, value in kept.items() if value is not None}


def without_version(thing: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in thing["metadata"].items() if key != "resourceVersion"}
    return {**thing, "metadata": metadata}


def as_asked(answer: dict[str, Any], request: web.Request) -> dict[str, Any]:
    """Of one object its metadata alone, where that is wished for."""
    if "as=PartialObjectMetadata;" not in request.headers.get("Accept", "") or "metadata" not in answer:
        return answer
    about = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return {**about, "metadata": answer["metadata"]}


def patched(thing: dict[str, Any], patch: Any, kind: str) -> dict[str, Any]:
    if kind == "application/json-patch+json":
        try:
            changed: dict[str, Any] = jsonpatch.apply_patch(thing, patch)
        except jsonpatch.JsonPatchException as error:
            raise Refusal(422, str(error)) from error
        return changed
    if kind == "application/merge-patch+json":
        merged: dict[str, Any] = _merged(thing, patch)
        return merged
    if kind == "application/strategic-merge-patch+json" and set(patch["spec"]) == {"ephemeralContainers"}:
        before = thing["spec"].get("ephemeralContainers", [])
        containers = [*patch["spec"]["ephemeralContainers"], *before]  # new ones first, as the real one does
        return {**thing, "spec": {**thing["spec"], "ephemeralContainers": containers}}
    raise Refusal(400, f"no patch of kind {kind} here")


def _merged(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result
