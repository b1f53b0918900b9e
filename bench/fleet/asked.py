"""What the operator asked the API server for, from the audit log: calls by verb, and what they wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from e2e.cluster.audit import Request

WRITES = frozenset({"create", "update", "patch", "delete"})
LEASES = "leases"
STATUS = "llmmonitors/status"


def calls(requests: Iterable[Request], begin: float, end: float) -> Counter[tuple[str, str]]:
    """How often each verb was used on each resource, in (begin, end], Unix seconds."""
    return Counter((_verb(one), one.resource) for one in _between(requests, begin, end))


def _between(requests: Iterable[Request], begin: float, end: float) -> Iterator[Request]:
    since, until = (datetime.fromtimestamp(at, UTC) for at in (begin, end))
    return (one for one in requests if since < one.at <= until)


def _verb(request: Request) -> str:
    """Whether a namespace admits a sidecar is asked by a patch that changes nothing."""
    return f"{request.verb} (dry run)" if "dryRun=All" in request.uri else request.verb


def writes(found: Counter[tuple[str, str]]) -> int:
    """Besides renewals of the Lease."""
    return sum(count for (verb, resource), count in found.items() if verb in WRITES and resource != LEASES)


def most_of_one(requests: Iterable[Request], begin: float, end: float) -> int:
    """Status writes of the one monitor that has most, in (begin, end]: a mean hides one that is busy."""
    within = _between(requests, begin, end)
    written = Counter((one.namespace, one.name) for one in within if one.resource == STATUS)
    return max(written.values(), default=0)


def worded(found: Counter[tuple[str, str]], minutes: float) -> str:
    """`patch llmmonitors/status 960.0, update leases 30.0, ...`, a minute each, the most frequent first."""
    rates = ((count / minutes, verb, resource) for (verb, resource), count in found.items())
    often = sorted(rates, reverse=True)
    return ", ".join(f"{verb} {resource or 'a URL'} {rate:.3g}" for rate, verb, resource in often)
