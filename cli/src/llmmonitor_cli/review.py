"""`llm-monitor review`: one redacted case after the other, and what a person says of each.

A case is read in memory and shown; nothing of it is written anywhere. Every look is recorded with the
person's name before the case comes, and every verdict when it is given (`llm-monitor audit`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from llmmonitor_api.people import NOTE_LIMIT, SKIP_LIMIT, Act
from llmmonitor_api.review import UNFLAGGED, Case, Drawn, Verdict
from llmmonitor_cli.people import Operator

Line = Callable[[str], Awaitable[str | None]]
"""Shows a question and gives the line that is typed; None at the end of input."""

QUESTION = "[r]ight  [w]rong  [u]nsure  [s]kip  [q]uit, and a note after it: "
_VERDICTS = {one.value[0]: one for one in Verdict}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was typed."""

    verdict: Verdict | None = None
    """None: skip."""
    note: str = ""
    quit: bool = False


async def review(
    operator: Operator, console: Console, line: Line, *, kind: str | None = None, why: str = ""
) -> int:
    """Until there is no case left, or the person has had enough; gives how many verdicts were taken.

    Args:
        operator: who is asked.
        console: where cases are shown.
        line: where answers come from.
        kind: of what kind; empty: unflagged ones; None: any.
        why: what the looks are recorded with.

    Raises:
        NotDone: the operator refuses, or cannot be reached.
    """
    skipped: list[str] = []
    taken = 0
    while True:
        reply = await operator.ask(Act.NEXT, kind=kind, skip=tuple(skipped[-SKIP_LIMIT:]), why=why)
        for problem in reply.problems:
            console.print(Text(problem, style="yellow"))
        if reply.offer is None:
            console.print(Text("no case waits" + (", but for those you skipped" if skipped else "")))
            return taken
        drawn = reply.offer.drawn
        show(drawn, operator.read(reply.offer), console)
        answer = await _answer(line, console)
        if answer.quit:
            return taken
        if answer.verdict is None:
            skipped.append(drawn.case)
            continue
        await operator.ask(Act.JUDGE, case=drawn.case, verdict=answer.verdict, why=answer.note)
        taken += 1
        console.print(Text(f"taken: {answer.verdict.value}, by {reply.who}", style="green"))


def show(drawn: Drawn, case: Case, console: Console) -> None:
    """What was found, how it was drawn, and the redacted text; nothing in it is markup."""
    console.print(Rule(f"case {drawn.case}"))
    at = datetime.fromtimestamp(drawn.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    console.print(Text(f"{asked(drawn)}", style="bold"))
    console.print(
        Text(f"{at}; one of {drawn.sample} drawn from {drawn.population} that were alike", style="dim")
    )
    if case.left_out:
        console.print(Text(f"({case.left_out} earlier messages are left out)", style="dim"))
    for part in case.parts:
        console.print(Text(part.origin, style="bold cyan"))
        console.print(Padding(Text(printable(part.text)), (0, 0, 0, 2)))


def asked(drawn: Drawn) -> str:
    """What the person is asked."""
    if drawn.band == UNFLAGGED:
        return "No detector found anything. Is that right?"
    sure = "says it is sure" if drawn.band != "suspected" else "suspects it"
    return f"{drawn.detector} (version {drawn.version}) found {drawn.kind}, and {sure}. Is that right?"


def printable(text: str) -> str:
    """Without what would move a terminal's cursor, or hide: each as its escape."""
    return "".join(
        one if one in "\n\t" or one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )


def read(typed: str) -> Answer | None:
    """What a line means: its first letter, and a note; None for anything else."""
    letter, note = typed.strip()[:1].lower(), typed.strip()[1:].strip()[:NOTE_LIMIT]
    if letter == "q":
        return Answer(quit=True)
    if letter == "s":
        return Answer()
    verdict = _VERDICTS.get(letter)
    return Answer(verdict, note) if verdict is not None else None


async def _answer(line: Line, console: Console) -> Answer:
    while True:
        typed = await line(QUESTION)
        if typed is None:
            return Answer(quit=True)
        answer = read(typed)
        if answer is not None:
            return answer
        console.print(Text("type r, w, u, s or q; a note may follow, which quotes nothing: it is kept"))
