"""What an hour costs, and money as whole numbers, so that no sum of it is ever rounded.

A rate has up to six decimals and time is counted in whole milliseconds. So every amount is a whole number of
units of rate x time, 3.6·10¹² of which are one of the currency; division, which decimals cannot do exactly,
is left to whoever shows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

from llmmonitor_api.spec.cost import PricedBy

_RATE_DIGITS = 6
MS_PER_HOUR: Final = 3_600_000
UNITS: Final = MS_PER_HOUR * 1_000_000
"""Units in one of the currency."""
SHOWN_DIGITS = 6
"""Decimals of an amount that is shown."""
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_STEP = Decimal(1).scaleb(-SHOWN_DIGITS)


@dataclass(frozen=True, slots=True)
class Price:
    """What is paid by the hour."""

    currency: str
    amount: Decimal
    """Per device and hour; at most six decimals, as the spec's `Amount` has."""
    per: PricedBy

    @property
    def units_per_ms(self) -> int:
        """What a device costs in a millisecond."""
        return int(_EXACT.scaleb(self.amount, _RATE_DIGITS))

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency} per {self.per.value} and hour"


def money(units: int | Fraction) -> Decimal:
    """As an amount of the currency, rounded to `SHOWN_DIGITS` decimals, half to even."""
    exact = Fraction(units) / UNITS
    quotient = _EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return quotient.quantize(_STEP, context=_EXACT)


def money_by_part(parts: Iterable[int]) -> list[Decimal]:
    """Amounts that add up to `money(sum(parts))` to the last digit: each is the growth of the rounded sum."""
    shown, before, so_far = [], Decimal(0), 0
    for units in parts:
        so_far += units
        after = money(so_far)
        shown.append(after - before)
        before = after
    return shown


def in_units(amount: Decimal) -> int:
    """An amount of at most six decimals in units, exact."""
    return int(_EXACT.scaleb(amount, _RATE_DIGITS)) * MS_PER_HOUR
