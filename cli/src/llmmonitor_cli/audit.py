"""`llm-monitor audit`: who did what to a monitor, and whether the chain of records is whole.

It reads the records with the permissions of whoever types it and verifies them here, so that nothing rests
on the operator's word. What the status said of the chain is read first: records that are written meanwhile
are no contradiction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from llmmonitor_cli.kubeconfig import namespace_of, speaking_to
from llmmonitor_cli.review import printable
from llmmonitor_operator.audit.verify import Verified, verify
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, Forbidden, NotFound
from llmmonitor_operator.reconcile.keep.audits import LABEL, volumes

VOLUMES_AT_ONCE = 8
"""In one answer, which has 10 s: 200 volumes of half a MiB are 100 MiB."""
SHOWN_LIMIT = 1_000
"""Rows of the table, the newest: each takes two milliseconds."""


class NotAudited(RuntimeError):
    """The records could not be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Audit:
    """A monitor's records."""

    monitor: str
    """Its namespace and name."""
    namespace: str
    """Where they are kept."""
    verified: Verified


async def audit(kube: Kube, namespace: str, name: str, *, expected: str = "") -> Audit:
    """Read and verify the chain of the monitor.

    Args:
        kube: a connection to the API server.
        namespace: the monitor's.
        name: the monitor's.
        expected: the digest of a record that somebody noted; empty: none.

    Raises:
        NotAudited: there is no such monitor, it has no records, or they may not be read.
    """
    named = f"LLMMonitor {namespace}/{name}"
    try:
        monitor = await kube.get(paths.monitor(namespace, name))
    except NotFound:
        raise NotAudited(f"no {named}; see: kubectl get llmm -A") from None
    except ApiError as error:
        raise NotAudited(f"{named}: {error}") from error
    said: dict[str, Any] = (monitor.get("status") or {}).get("audit") or {}
    place = said.get("namespace", "")
    if not place:
        raise NotAudited(f"{named} has no records: its status says nothing of any; does an operator run?")
    uid = monitor["metadata"]["uid"]
    try:
        kept = await kube.list(
            paths.config_maps(place), label_selector=f"{LABEL}={uid}", page=VOLUMES_AT_ONCE
        )
    except Forbidden as error:
        raise NotAudited(
            f"the records of {named} are ConfigMaps in namespace {place}, which you may not list: {error}"
        ) from error
    except ApiError as error:
        raise NotAudited(f"the records of {named}: {error}") from error
    found = verify(
        uid,
        volumes(kept.items),
        records=int(said.get("records", 0)),
        head=str(said.get("head", "")),
        expected=expected,
    )
    return Audit(f"{namespace}/{name}", place, found)


async def run(name: str, namespace: str | None, context: str | None, expected: str) -> Audit:
    """The same by the person's kubeconfig.

    Raises:
        NotAudited: as `audit`.
        NoCluster: there is no usable kubeconfig.
    """
    async with speaking_to(context) as kube:
        return await audit(kube, namespace or namespace_of(context), name, expected=expected)


def show(found: Audit, console: Console) -> None:
    """The newest records as a table, oldest first, and the verdict on all below."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("#", "When", "What", "About", "Who", "Why"):
        table.add_column(column, overflow="fold")
    records = found.verified.records
    for record in records[-SHOWN_LIMIT:]:
        cells = str(record.number), record.at, record.what, record.about, record.who, record.why
        table.add_row(*(Text(printable(cell)) for cell in cells))
    if len(records) > SHOWN_LIMIT:
        console.print(Text(f"{len(records) - SHOWN_LIMIT:,} older records are not shown: --json has all"))
    console.print(table)
    for line in verdict(found):
        console.print(Text(printable(line)))


def verdict(found: Audit) -> list[str]:
    """In words: whole or not, and what to note down."""
    verified = found.verified
    records = f"{len(verified.records):,} records of {found.monitor} in namespace {found.namespace}"
    if verified.problems:
        return [f"{records}: THE CHAIN IS NOT WHOLE", *(f"  {one}" for one in verified.problems)]
    return [f"{records}: the chain is whole; note its digest and check with --expect: {verified.head}"]


def as_json(found: Audit) -> str:
    """The same for programs."""
    verified = found.verified
    fields = ("number", "at", "who", "what", "about", "why", "count", "fields", "before")
    return json.dumps(
        {
            "monitor": found.monitor,
            "whole": not verified.problems,
            "problems": verified.problems,
            "head": verified.head,
            "records": [{name: getattr(one, name) for name in fields} for one in verified.records],
        },
        indent=2,
        ensure_ascii=False,
    )
