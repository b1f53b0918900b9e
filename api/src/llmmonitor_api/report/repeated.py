"""Reports that are told again and again in one answer, as a watch of the API server tells changes.

A reader that asks with the header `HEADER` gets the report of this moment and after it, every so many
seconds, another, all of them since the report that it has (`report.told`): one JSON document a line
(`CONTENT_TYPE`, newline-delimited), until as many are told as it asked for. Who does not know the header
answers with one report and its own content type.

The answering side may end it early (others ask for the same, or it stops), the asking side ends it by closing
the connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

HEADER = "Report-Repeat"
CONTENT_TYPE = "application/x-ndjson"
LONGEST_SECONDS = 300
"""From the first to the last of one answer: it must not outlive what it was signed for by much."""
SHORTEST_EVERY_SECONDS, LONGEST_EVERY_SECONDS = 5, 60
_FORM = re.compile(r"(\d{1,3});every=(\d{1,3})", re.ASCII)


class NotRepeated(ValueError):
    """What the header says cannot be done; the message says why, and what can."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """How often a report is told."""

    times: int
    """All in all, the first included: at least 2."""
    every_seconds: int

    def __post_init__(self) -> None:
        """Raises: NotRepeated: it is too often, too seldom or for too long."""
        if not SHORTEST_EVERY_SECONDS <= self.every_seconds <= LONGEST_EVERY_SECONDS:
            raise NotRepeated(
                f"every {self.every_seconds} s;"
                f" {SHORTEST_EVERY_SECONDS} to {LONGEST_EVERY_SECONDS} s are taken"
            )
        if self.times < 2 or self.seconds > LONGEST_SECONDS:  # noqa: PLR2004 - one is not repeated
            raise NotRepeated(
                f"{self.times} times, for {self.seconds} s; at least 2 times and at most"
                f" {LONGEST_SECONDS} s are taken"
            )

    @property
    def seconds(self) -> int:
        """Seconds from the first to the last."""
        return (self.times - 1) * self.every_seconds

    def __str__(self) -> str:
        """As the header says it."""
        return f"{self.times};every={self.every_seconds}"


def repeat_of(text: str) -> Repeat | None:
    """What the header says, as `16;every=15` (16 reports, 15 s apart); None where there is none.

    Raises:
        NotRepeated: if it says nothing that can be done.
    """
    if not text:
        return None
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise NotRepeated(f"{HEADER}: {text[:100]!r} is not of the form TIMES;every=SECONDS")
    return Repeat(*map(int, found.groups()))
