"""Aligns tab-separated text as Go's text/tabwriter does, which is what kubectl writes through.

A column is a run of consecutive lines that have a tab-terminated cell there; its width is that of its widest
cell. A line without the cell ends the run, so that blocks of a long text are aligned each by themselves.
(pkg.go.dev/text/tabwriter; kubectl: minimum width 0, padding 2, blanks.)
"""

from __future__ import annotations

PADDING = 2


def align(text: str) -> str:
    """`text` with its tabs replaced by blanks."""
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[] for _ in lines]
    _measure(lines, widths, 0, len(lines), 0)
    return "\n".join(
        "".join(cell.ljust(width) for cell, width in zip(cells, line_widths, strict=False)) + cells[-1]
        for cells, line_widths in zip(lines, widths, strict=True)
    )


def _measure(lines: list[list[str]], widths: list[list[int]], first: int, end: int, column: int) -> None:
    line = first
    while line < end:
        if column >= len(lines[line]) - 1:
            line += 1
            continue
        block = line
        while line < end and column < len(lines[line]) - 1:
            line += 1
        width = max(len(lines[at][column]) for at in range(block, line)) + PADDING
        for at in range(block, line):
            widths[at].append(width)
        _measure(lines, widths, block, line, column + 1)
