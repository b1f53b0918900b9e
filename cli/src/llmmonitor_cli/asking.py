"""`llm-monitor review` and `erase` by the person's kubeconfig: who asks, whom, and about which monitor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rich.console import Console

from llmmonitor_api.people import NOTE_LIMIT, Act
from llmmonitor_cli import review as reviewing
from llmmonitor_cli.kubeconfig import namespace_of, speaking_to
from llmmonitor_cli.lines import Lines
from llmmonitor_cli.people import NotDone, Operator, operator_of, token_of


@dataclass(frozen=True, slots=True)
class Asked:
    """What both commands are given."""

    name: str
    namespace: str | None
    context: str | None
    service_account: str | None
    why: str


async def review(asked: Asked, console: Console, *, kind: str | None) -> int:
    """See `review.review`.

    Raises:
        NotDone: see there.
        NoCluster: there is no usable kubeconfig.
    """
    async with _operator(asked) as operator:
        return await reviewing.review(operator, console, Lines(), kind=kind, why=asked.why)


async def erase(asked: Asked, client: str) -> str:
    """Have what is kept of a client erased; what to tell the person.

    Raises:
        NotDone: it was refused, or pods did not answer, which are named.
        NoCluster: there is no usable kubeconfig.
    """
    async with _operator(asked) as operator:
        return await erased(operator, client, asked.why)


async def erased(operator: Operator, client: str, why: str) -> str:
    """The same of an operator.

    Raises:
        NotDone: see `erase`.
    """
    reply = await operator.ask(Act.ERASE, client=client, why=why)
    done = f"erased: {reply.cases} cases and {reply.figures} figures, recorded as asked for by {reply.who}"
    if reply.problems:
        raise NotDone(f"{done}; NOT at {'; '.join(reply.problems)}: ask again")
    return done


@asynccontextmanager
async def _operator(asked: Asked) -> AsyncIterator[Operator]:
    if len(asked.why) > NOTE_LIMIT:
        raise NotDone(f"--why has {len(asked.why)} characters; the limit is {NOTE_LIMIT}")
    async with speaking_to(asked.context) as kube:
        token = await token_of(kube, asked.service_account)
        namespace = asked.namespace or namespace_of(asked.context)
        yield await operator_of(kube, namespace, asked.name, token)
