"""Ranges of durations and shares, checked by the API server and in Python with one message.

Durations and percentages are texts in JSON, and no keyword of a schema compares texts: CEL does, but for
days, which its `duration()` does not know. To join texts, as in writing days as hours, would cost more than
a rule may.
"""

from datetime import timedelta
from typing import Final

from llmmonitor_api.quantities import format_duration, format_percentage
from llmmonitor_api.spec.server_rule import Check

_DAY: Final = timedelta(days=1)


def within(shortest: timedelta, longest: timedelta) -> Check:
    """Both ends are allowed."""
    days, fewest, most = "int(self.replace('d', ''))", -(-shortest // _DAY), longest // _DAY
    whole = f"{days} >= {fewest} && {days} <= {most}"
    exactly = f"duration(self) >= {in_cel(shortest)} && duration(self) <= {in_cel(longest)}"
    return Check(
        cel=f"self.endsWith('d') ? {whole} : {exactly}",
        message=f"is outside {format_duration(shortest)} to {format_duration(longest)}; choose one within",
        holds=lambda value: shortest <= value <= longest,
        written=format_duration,
    )


def in_cel(value: timedelta) -> str:
    """A constant."""
    seconds, fraction = divmod(value, timedelta(seconds=1))
    return f"duration('{value // timedelta(microseconds=1)}us')" if fraction else f"duration('{seconds}s')"


def share_above_zero() -> Check:
    """A limit of 0 % would always be exceeded."""
    return Check(
        cel="self.matches('[1-9]')",
        message="would always be exceeded; give more than 0%",
        holds=lambda value: value > 0,
        written=format_percentage,
    )
