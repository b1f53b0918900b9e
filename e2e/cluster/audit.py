"""The API server's audit log: what each ServiceAccount of the product has asked for.

Only requests of ServiceAccounts are kept, without the cluster's own in kube-system, and of each only who
asked for what (Metadata). So a test can compare the verbs that were used with those that are granted. What an
administrator does in an account's name (`kubectl --as`) is the administrator's, and not kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

POLICY: dict[str, object] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "None", "userGroups": ["system:serviceaccounts:kube-system"]},
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}
_ACCOUNT = "system:serviceaccount:"
_DECISION = "authorization.k8s.io/decision"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `group` is empty for the core API, `resource` for a URL that is no resource."""

    namespace_of_account: str
    account: str
    verb: str
    group: str
    resource: str
    """With its subresource, as in a Role: `pods/ephemeralcontainers`."""
    namespace: str
    name: str
    uri: str
    status: int
    allowed: bool
    """Whether RBAC allows it; Pod Security, a quota or a policy may have refused it all the same."""
    at: datetime
    addresses: tuple[str, ...]
    """Where it came from: a pod's own address, and that of what stood in between."""


def requests(log: Path) -> Iterator[Request]:
    """Every request in the log, the oldest first; none where there is no log."""
    if not log.exists():
        return
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            if line.endswith("\n"):  # the last one may be in the middle of being written
                yield _request(json.loads(line))


def _request(event: dict[str, dict[str, str]]) -> Request:
    namespace, _, account = event["user"]["username"].removeprefix(_ACCOUNT).partition(":")
    about = event.get("objectRef") or {}
    resource = "/".join(filter(None, (about.get("resource"), about.get("subresource"))))
    return Request(
        namespace_of_account=namespace,
        account=account,
        verb=str(event["verb"]),
        group=about.get("apiGroup", ""),
        resource=resource,
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        uri=str(event["requestURI"]),
        status=int((event.get("responseStatus") or {}).get("code", 0)),
        allowed=(event.get("annotations") or {}).get(_DECISION) == "allow",
        at=datetime.fromisoformat(str(event["requestReceivedTimestamp"])),
        addresses=tuple(event.get("sourceIPs") or ()),
    )
