"""Ranges of durations and shares, checked in Python with the limit and the value in the message.

Durations and percentages are texts in JSON, and no schema keyword compares texts: the API server checks
only their syntax, and a value out of range shows as Ready=False/InvalidSpec.
"""

from datetime import timedelta
from decimal import Decimal

from pydantic import AfterValidator

from llmmonitor_api.quantities import format_duration, format_percentage


def within(shortest: timedelta, longest: timedelta) -> AfterValidator:
    """Both ends are allowed."""

    def check(value: timedelta) -> timedelta:
        if not shortest <= value <= longest:
            limits = f"{format_duration(shortest)} to {format_duration(longest)}"
            raise ValueError(f"{format_duration(value)} is outside {limits}; choose one within")
        return value

    return AfterValidator(check)


def share_above_zero() -> AfterValidator:
    """A limit of 0 % would always be exceeded."""

    def check(value: Decimal) -> Decimal:
        if value <= 0:
            raise ValueError(f"{format_percentage(value)} would always be exceeded; give more than 0%")
        return value

    return AfterValidator(check)
