"""AdmissionReview (admission.k8s.io/v1) as bytes: what is asked, and the answer, which always allows.

Raw JSON is kept as it came: fields of a pod that this version does not know must survive the patch.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from llmmonitor_operator.kube.raw import Raw, mapping

WARNING_LIMIT = 1000
"""Characters; the API server cuts all warnings of a request together at 4096."""

_UID = re.compile(rb'"uid"\s*:\s*"([-\w.]{1,128})"', re.ASCII)
_UID_BYTES = 4096
"""The API server writes the request's uid first."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Unreadable(ValueError):
    """This is no AdmissionReview; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Review:
    """What the API server asks."""

    uid: str
    """To be repeated in the answer."""
    namespace: str
    pod: Raw | None
    """None where it is not the creation of a pod: there is nothing to do then."""

    @property
    def pod_name(self) -> str:
        """As a person finds it: its name, or what the name will begin with."""
        metadata = mapping((self.pod or {}).get("metadata"))
        return str(metadata.get("name") or f"{metadata.get('generateName') or '?'}*")


def read(body: bytes) -> Review:
    """The request in `body`.

    Raises:
        Unreadable: it is no AdmissionReview of version v1.
    """
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Unreadable(f"{len(body)} bytes that are no JSON: {error}") from error
    document = mapping(document)
    request = mapping(document.get("request"))
    version, uid = document.get("apiVersion"), request.get("uid")
    if version != "admission.k8s.io/v1":
        raise Unreadable(f"apiVersion is {str(version)[:60]!r}; only admission.k8s.io/v1 is understood")
    if not isinstance(uid, str) or not uid:
        raise Unreadable("request.uid is missing")
    return Review(uid, str(request.get("namespace") or ""), _created_pod(request))


def uid_in(body: bytes) -> str:
    """The uid of a request that cannot be read as a whole; empty if there is none near its beginning."""
    found = _UID.search(body[:_UID_BYTES])
    return found.group(1).decode() if found else ""


def answer(uid: str, patch: Sequence[Mapping[str, Any]] = (), *warnings: str) -> bytes:
    """The AdmissionReview that goes back: allowed, with a JSON patch (RFC 6902) if there is one.

    Warnings that are empty are left out.
    """
    response: dict[str, Any] = {"uid": uid, "allowed": True}
    if patch:
        response["patchType"] = "JSONPatch"
        response["patch"] = base64.b64encode(msgspec.json.encode(patch)).decode()
    said = [_one_line(warning) for warning in warnings if warning]
    if said:
        response["warnings"] = said
    return msgspec.json.encode(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
    )


def _created_pod(request: Raw) -> Raw | None:
    kind = mapping(request.get("kind"))
    is_pod = kind.get("kind") == "Pod" and not kind.get("group")
    if not is_pod or request.get("operation") != "CREATE" or request.get("subResource"):
        return None
    pod = request.get("object")
    return cast("Raw", pod) if isinstance(pod, Mapping) else None


def _one_line(text: str) -> str:
    """A header of HTTP ends at a line break, and the API server drops what has control characters."""
    line = _CONTROL.sub(" ", text).strip()
    return line if len(line) <= WARNING_LIMIT else f"{line[: WARNING_LIMIT - 1]}…"
