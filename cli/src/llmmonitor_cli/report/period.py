"""The period of a report: `--since`, `--until` or `--days`, all of it in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from llmmonitor_operator.evaluate import wording

DEFAULT_DAYS = 30
_DAY_SECONDS = 86_400
_LONGEST_DAYS = 400
"""As long as the ledger of cost goes back; nothing goes further."""


class UnusablePeriod(RuntimeError):
    """Not a period; the message says why."""


@dataclass(frozen=True, slots=True)
class Period:
    """Unix seconds."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.begin

    def holds(self, at: float) -> bool:
        """Whether a moment is in it."""
        return self.begin <= at <= self.end


def period_of(since: str | None, until: str | None, days: int | None, now: datetime) -> Period:
    """By the options; the last DEFAULT_DAYS where none is given.

    Args:
        since: a date or a time (ISO 8601), UTC unless it says otherwise.
        until: likewise; a date ends with that day. `now` if not given.
        days: that it lasts, up to `until`.
        now: where it ends if nothing else is said.

    Raises:
        UnusablePeriod: it is none.
    """
    if since is not None and days is not None:
        raise UnusablePeriod("--since and --days both say when the period begins; give one of them")
    end = (_moment("--until", until, end_of_day=True) if until else now).timestamp()
    begin = (
        _moment("--since", since).timestamp()
        if since is not None
        else end - (DEFAULT_DAYS if days is None else days) * _DAY_SECONDS
    )
    if begin >= end:
        words = f"a period from {wording.moment(begin)} until {wording.moment(end)}"
        raise UnusablePeriod(f"{words}: it ends before it begins")
    if end - begin > _LONGEST_DAYS * _DAY_SECONDS:
        found = round((end - begin) / _DAY_SECONDS)
        raise UnusablePeriod(f"a period of {found} days; nothing is kept for more than {_LONGEST_DAYS}")
    return Period(begin, end)


def _moment(option: str, text: str, *, end_of_day: bool = False) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnusablePeriod(
            f"{option} {text}: {error}; write a date such as 2026-03-01, or 2026-03-01T06:00"
        ) from error
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    is_date = len(text) == len("2026-03-01")
    return datetime.fromtimestamp(found.timestamp() + _DAY_SECONDS, UTC) if is_date and end_of_day else found
