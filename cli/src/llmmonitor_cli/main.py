"""`llm-monitor`: the command line. Composition only; what commands do stands in their own modules."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import aiohttp
import typer
from rich.console import Console

from llmmonitor_api.quantities import parse_duration
from llmmonitor_cli import watch as watching
from llmmonitor_cli.manifest import UnusableManifest, read

T = TypeVar("T")
INTERRUPTED_STATUS = 130
CONDITION_MET_STATUS = 1
UNUSABLE_STATUS = 2
UNREAD_STATUS = 141
"""Whoever read standard output is gone: as a shell says it of a program that SIGPIPE ends."""

app = typer.Typer(
    help="Is the LLM you serve healthy? The same monitoring as in a cluster, and what people say to one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_JSON = Annotated[bool, typer.Option("--json", help="Print the final status as JSON, and nothing else.")]


def _object_name(text: str | None) -> str | None:
    from llmmonitor_cli.kubeconfig import object_name  # noqa: PLC0415 - only what speaks to a cluster needs it

    try:
        return object_name(text) if text else text
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


_NAME = Annotated[str, typer.Argument(help="The LLMMonitor.", callback=_object_name)]
_NAMESPACE = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", help="Its namespace; the context's if not given.", callback=_object_name
    ),
]
_CONTEXT = Annotated[str | None, typer.Option(help="Of the kubeconfig; the current one by default.")]
_SERVICE_ACCOUNT = Annotated[
    str | None,
    typer.Option(
        "--as-service-account",
        help="NAMESPACE/NAME by which the operator knows you, where your kubeconfig has no token.",
    ),
]
_LISTEN = Annotated[
    int | None,
    typer.Option(min=1024, max=65535, help="Port for clients on 127.0.0.1; a free one if not given."),
]


@app.command()
def demo(
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with ordinary traffic until Ctrl-C.")] = False,
    as_json: _JSON = False,
    listen: _LISTEN = None,
) -> None:
    """Watch a real model through ordinary traffic and an incident; about two minutes."""
    from llmmonitor_cli.demo import run as demo_run  # noqa: PLC0415 - only this command needs it

    options = demo_run.Options(keep=keep, as_json=as_json, listen=listen)
    _run(demo_run.run(options, Console(), Console(stderr=True)))


@app.command()
def watch(  # noqa: PLR0913 - one argument per option
    *,
    file: Annotated[Path, typer.Option("--file", "-f", help="The LLMMonitor, as for kubectl apply.")],
    target: Annotated[str, typer.Option(help="The model server, HOST:PORT.")],
    listen: _LISTEN = None,
    for_: Annotated[str | None, typer.Option("--for", help="End after this long, such as 90s or 5m.")] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(help="End at once with status 1 when a condition is so: Healthy=False. Repeatable."),
    ] = None,
    as_json: _JSON = False,
) -> None:
    """Watch anyone's OpenAI-compatible server; clients go to the printed address instead."""
    try:
        options = watching.Options(
            target=watching.parse_target(target),
            listen=listen,
            for_seconds=parse_duration(for_).total_seconds() if for_ else None,
            fail_on=tuple(watching.parse_fail_on(one) for one in fail_on or ()),
            as_json=as_json,
        )
        manifest = read(file)
    except (UnusableManifest, ValueError) as error:
        _stop(str(error))
    met = _run(watching.run(manifest, options, Console(), Console(stderr=True)))
    if met is not None:
        sys.stderr.write(f"llm-monitor: {met.type} is {met.status}\n")
        raise typer.Exit(CONDITION_MET_STATUS)


@app.command()
def accept(
    name: _NAME,
    *,
    namespace: _NAMESPACE = None,
    context: _CONTEXT = None,
) -> None:
    """Take what is now for normal: the baseline that drift is judged by begins anew."""
    from llmmonitor_cli import accept as accepting  # noqa: PLC0415 - only this command needs a cluster

    _print(_run(accepting.run(name, namespace, context, datetime.now(UTC))) + "\n")


@app.command()
def report(  # noqa: PLR0913 - one argument per option
    name: _NAME,
    *,
    namespace: _NAMESPACE = None,
    context: _CONTEXT = None,
    since: Annotated[
        str | None, typer.Option(help="Begin of the period, UTC: 2026-03-01 or 2026-03-01T06:00.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Its end; now by default.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=400, help="Its length; 30 by default.")] = None,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="File to write, - for the terminal; NAMESPACE-NAME-DAY.html."),
    ] = "",
    format_: Annotated[
        str | None, typer.Option("--format", help="html, json or markdown; by the file's ending, else html.")
    ] = None,
    operator_namespace: Annotated[
        str, typer.Option(help="Where the operator runs; looked for by default.", callback=_object_name)
    ] = "",
    from_checkpoint: Annotated[
        Path | None,
        typer.Option(help="File or folder of saved LLMMonitor and ConfigMaps to read instead of a cluster."),
    ] = None,
) -> None:
    """Write one page about a monitor's health over a period: for an auditor or a manager."""
    from llmmonitor_cli.report import run as reporting  # noqa: PLC0415 - only this command needs it

    try:
        options = reporting.Options(
            name=name,
            since=since,
            until=until,
            days=days,
            namespace=namespace,
            context=context,
            operator_namespace=operator_namespace,
            from_checkpoint=from_checkpoint,
            output=output,
            format=None if format_ is None else reporting.format_of(format_),
        )
    except ValueError as error:
        _stop(str(error))
    _print(_run(reporting.run(options, datetime.now(UTC))))


@app.command()
def audit(
    name: _NAME,
    *,
    namespace: _NAMESPACE = None,
    context: _CONTEXT = None,
    expect: Annotated[
        str, typer.Option(help="The digest of a record that you noted before; it must be in the chain.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
) -> None:
    """List who did what to a monitor, and verify the chain of records; status 1 if it is not whole."""
    from llmmonitor_cli import audit as auditing  # noqa: PLC0415 - only this command needs a cluster

    found = _run(auditing.run(name, namespace, context, expect))
    if as_json:
        _print(auditing.as_json(found) + "\n")
    else:
        console = Console()
        with console.capture() as shown:
            auditing.show(found, console)
        _print(shown.get())
    if found.verified.problems:
        raise typer.Exit(CONDITION_MET_STATUS)


@app.command()
def review(  # noqa: PLR0913 - one argument per option
    name: _NAME,
    *,
    namespace: _NAMESPACE = None,
    context: _CONTEXT = None,
    kind: Annotated[
        str | None, typer.Option(help="Of this kind alone, such as jailbreak; unflagged for those without.")
    ] = None,
    why: Annotated[str, typer.Option(help="What your looks are recorded with.")] = "review",
    as_service_account: _SERVICE_ACCOUNT = None,
) -> None:
    """Judge redacted cases, one after the other; every look and every verdict is recorded."""
    from llmmonitor_cli import asking  # noqa: PLC0415 - only these commands need a cluster

    wanted = "" if kind == "unflagged" else kind
    asked = asking.Asked(name, namespace, context, as_service_account, why)
    taken = _run(asking.review(asked, Console(), kind=wanted))
    _print(f"{taken} {'verdict' if taken == 1 else 'verdicts'} taken\n")


@app.command()
def erase(  # noqa: PLR0913 - as above
    name: _NAME,
    client: Annotated[
        str, typer.Option(help="The client's address, or its value of spec.privacy.clientHeader; - reads it.")
    ],
    *,
    namespace: _NAMESPACE = None,
    context: _CONTEXT = None,
    why: Annotated[str, typer.Option(help="What the erasure is recorded with.")] = "",
    as_service_account: _SERVICE_ACCOUNT = None,
) -> None:
    """Erase what sidecars keep of a client, while the day's key by which it is known lives; recorded."""
    from llmmonitor_cli import asking  # noqa: PLC0415 - as above

    value = sys.stdin.readline().strip() if client == "-" else client
    asked = asking.Asked(name, namespace, context, as_service_account, why)
    _print(_run(asking.erase(asked, value)) + "\n")


def main() -> None:
    """The console script."""
    app()


def _run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end; Ctrl-C and SIGTERM unwind everything first, so that nothing is left behind."""

    async def until_signalled() -> T:
        task = asyncio.ensure_future(coroutine)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        return await task

    try:
        return asyncio.run(until_signalled())
    except asyncio.CancelledError:
        raise typer.Exit(INTERRUPTED_STATUS) from None
    except Exception as error:
        cause = _first_cause(error)
        if not isinstance(cause, RuntimeError | OSError | aiohttp.ClientError):
            raise
        _stop(str(cause) or type(cause).__name__)


def _first_cause(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):  # of tasks that ran together
        error = error.exceptions[0]
    return error


def _print(text: str) -> None:
    """On standard output. That it cannot be written has a status of its own: 1 is a command's own verdict."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, UnicodeError) as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries again at its end
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(UNREAD_STATUS) from None
        _stop(f"standard output cannot be written: {error}")


def _stop(message: str) -> NoReturn:
    sys.stderr.write(f"llm-monitor: {message}\n")
    raise typer.Exit(UNUSABLE_STATUS)


if __name__ == "__main__":
    main()
