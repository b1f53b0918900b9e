"""Tables put together from plain texts."""

from __future__ import annotations

from collections.abc import Iterable

from llmmonitor_cli.report.document import Cell, Column, Table, Tone


def table(
    title: str, columns: str, rows: Iterable[Iterable[str | tuple[str, Tone]]], note: str = ""
) -> Table:
    """A table.

    Args:
        title: over it.
        columns: their names, apart by `|`; those of numbers begin with `#`.
        rows: texts, or texts with the tone that they have.
        note: under it.
    """
    named = [one.strip() for one in columns.split("|")]
    return Table(
        title=title,
        columns=tuple(Column(name=one.removeprefix("#"), is_number=one.startswith("#")) for one in named),
        rows=tuple(
            tuple(Cell(text=one) if isinstance(one, str) else Cell(text=one[0], tone=one[1]) for one in row)
            for row in rows
        ),
        note=note,
    )
