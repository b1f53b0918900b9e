"""`llm-monitor-operator run` and `llm-monitor-operator webhook`: two processes, told by their environment."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys

import click

from llmmonitor_operator.process_settings import (
    PREFIX,
    InvalidProcessSettings,
    operator_settings,
    webhook_settings,
)

INVALID_SETTINGS_STATUS = 2
LOST_LEASE_STATUS = 3
GC_THRESHOLDS = 50_000, 20, 100
"""Ten thousand pods are millions of objects without a cycle: looked through at every tenth of a growth, as is
usual, they would cost seconds when leading begins, in which no lease is renewed."""


@click.group()
def main() -> None:
    """Monitor the LLMs that this cluster serves."""
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("kopf").setLevel(logging.WARNING)


@main.command()
@click.option("--shard", default="", metavar="I/N", help="Act for this part of all namespaces: 0/2 and 1/2.")
def run(shard: str) -> None:
    """Watch LLMMonitors, attach sidecars, gather reports, write status (needs the Lease)."""
    import uvloop  # noqa: PLC0415 - the webhook needs none of it

    from llmmonitor_operator.kube.lease import LostLease  # noqa: PLC0415 - same
    from llmmonitor_operator.reconcile.run import run as operate  # noqa: PLC0415 - same

    gc.set_threshold(*GC_THRESHOLDS)
    try:
        given = {f"{PREFIX}SHARD": shard} if shard else {}
        settings = operator_settings({**os.environ, **given})
        uvloop.run(operate(settings))
    except InvalidProcessSettings as error:
        _explain(error)
    except LostLease as error:
        logging.getLogger(__name__).error("this process ends: lost %s", error)  # noqa: TRY400 - no traceback
        sys.exit(LOST_LEASE_STATUS)


@main.command()
def webhook() -> None:
    """Answer the API server when pods are created."""
    from llmmonitor_operator.webhook.run import run as answer  # noqa: PLC0415 - the operator needs none of it

    try:
        asyncio.run(answer(webhook_settings(os.environ)))
    except InvalidProcessSettings as error:
        _explain(error)


def _explain(error: InvalidProcessSettings) -> None:
    for problem in error.problems:
        click.echo(problem, err=True)
    sys.exit(INVALID_SETTINGS_STATUS)
