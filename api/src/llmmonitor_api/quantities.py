"""Kubernetes' own syntax for durations, quantities, percentages and amounts, as exact Python values.

Each kind has one pattern, a parser that matches that very pattern, a formatter whose text parses back to
the same value, and an annotated type for pydantic whose JSON schema carries the same pattern: the API
server and Python give the same verdict. Numbers are `Decimal`, never float, and every pattern bounds the
digits, so that no text can ask for an absurd computation.

Two departures from Go's durations: a number of whole days, of exactly 24 hours each, may stand alone (CEL's
`duration()` does not know them, and a rule tells the two apart by the end), and nothing finer than a
microsecond or negative is taken.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Context, Decimal
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_DURATION_PARTS: Final = (
    r"([0-9]{1,9}(us|µs)|[0-9]{1,9}(\.[0-9]{1,3})?ms|[0-9]{1,9}(\.[0-9]{1,6})?(s|m|h)){1,6}"
)
DURATION_PATTERN: Final = f"^(0|[0-9]{{1,5}}d|{_DURATION_PARTS})$"
DURATION_WITHOUT_DAYS_PATTERN: Final = f"^{_DURATION_PARTS}$"
QUANTITY_PATTERN: Final = (
    r"^[0-9]{1,15}(\.[0-9]{1,9})?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][+-]?[0-9]{1,2})?$"
)
PERCENTAGE_PATTERN: Final = r"^(100(\.0{1,6})?|[0-9]{1,2}(\.[0-9]{1,6})?)%$"
AMOUNT_PATTERN: Final = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
POSITIVE_AMOUNT_PATTERN: Final = r"^(0{0,11}[1-9][0-9]{0,11}(\.[0-9]{1,6})?|0{1,12}\.0{0,5}[1-9][0-9]{0,5})$"

_AMOUNT_WRITTEN_AS: Final = (
    "at most 12 digits before the point and 6 after it, no exponent; write it in quotes, for example '2.50'"
)
_EXACT: Final = Context(prec=64)
"""More digits than any quantity has: 24 written ones times 19 of the largest suffix."""

MAX_DURATION: Final = timedelta(days=36_500)
_MICROSECONDS: Final = {
    "us": 1,
    "µs": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
_FORMAT_UNITS: Final = ("h", "m", "s", "ms", "us")
_DURATION_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|µs|ms|s|m|h|d)")
_SUFFIXES: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(1024),
    "Mi": Decimal(1024**2),
    "Gi": Decimal(1024**3),
    "Ti": Decimal(1024**4),
    "Pi": Decimal(1024**5),
    "Ei": Decimal(1024**6),
}


def parse_duration(text: str) -> timedelta:
    """`800ms`, `1h30m`, `7d` as a timedelta.

    Raises:
        ValueError: not that syntax, finer than a microsecond, or longer than a hundred years.
    """
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is no duration; write for example 800ms, 30s, 1h30m or 7d")
    microseconds = sum(
        (Decimal(number) * _MICROSECONDS[unit] for number, unit in _DURATION_PART.findall(text)), Decimal(0)
    )
    if microseconds != int(microseconds):
        raise ValueError(f"{text!r} is finer than a microsecond; round it to whole microseconds (us)")
    if microseconds > MAX_DURATION / timedelta(microseconds=1):
        raise ValueError(f"{text!r} is longer than {format_duration(MAX_DURATION)}")
    return timedelta(microseconds=int(microseconds))


def format_duration(value: timedelta) -> str:
    """The shortest text of whole units, largest first, days only alone: `1h30m`, `7d`, `36h`, `0s`.

    Raises:
        ValueError: the duration is negative.
    """
    left = value // timedelta(microseconds=1)
    if left < 0:
        raise ValueError(f"a duration cannot be negative: {value}")
    days, rest = divmod(left, _MICROSECONDS["d"])
    if days and not rest:
        return f"{days}d"
    parts = []
    for unit in _FORMAT_UNITS:
        count, left = divmod(left, _MICROSECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_quantity(text: str) -> Decimal:
    """`512Mi`, `2.5`, `100m`, `1e3` as an exact number.

    Raises:
        ValueError: not Kubernetes' quantity syntax, or negative.
    """
    if not re.fullmatch(QUANTITY_PATTERN, text):
        raise ValueError(f"{text!r} is no quantity; write for example 2.5, 100k or 512Mi")
    number = text.rstrip("numkKMGTPEi")
    return _EXACT.multiply(Decimal(number), _SUFFIXES[text[len(number) :]])


def format_quantity(value: Decimal) -> str:
    """The shortest exact text: the largest suffix that leaves a whole number, binary before decimal.

    Raises:
        ValueError: the quantity is negative, finer than a billionth, or beyond the syntax.
    """
    if value < 0:
        raise ValueError(f"a quantity cannot be negative: {value}")
    if value == 0:
        return "0"
    for suffix, size in reversed(_SUFFIXES.items()):
        count = _EXACT.divide(value, size)
        if count == count.to_integral_value() and _EXACT.multiply(count, size) == value:
            text = f"{int(count)}{suffix}"
            if re.fullmatch(QUANTITY_PATTERN, text):
                return text
    raise ValueError(f"{value} cannot be written as a quantity")


def parse_percentage(text: str) -> Decimal:
    """`99.9%` as the exact ratio 0.999.

    Raises:
        ValueError: not a percentage from 0% to 100% with at most six decimals.
    """
    if not re.fullmatch(PERCENTAGE_PATTERN, text):
        raise ValueError(f"{text!r} is no percentage; write one from 0% to 100%, for example 99.9%")
    return Decimal(text.removesuffix("%")).scaleb(-2)


def format_percentage(ratio: Decimal) -> str:
    """The ratio 0.999 as `99.9%`.

    Raises:
        ValueError: outside 0 to 1, or more than six decimals of a percent.
    """
    text = f"{ratio.scaleb(2):f}"
    text = f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"
    if not re.fullmatch(PERCENTAGE_PATTERN, text):
        raise ValueError(f"{ratio} cannot be written as a percentage from 0% to 100% with six decimals")
    return text


def parse_amount(text: str) -> Decimal:
    """`2.50` as an exact number, its decimals kept.

    Raises:
        ValueError: not a plain decimal number, or negative.
    """
    if not re.fullmatch(AMOUNT_PATTERN, text):
        raise ValueError(f"{text!r} is no amount: {_AMOUNT_WRITTEN_AS}")
    return Decimal(text)


def parse_positive_amount(text: str) -> Decimal:
    """As `parse_amount`, and above zero.

    Raises:
        ValueError: not a plain decimal number, or not above zero.
    """
    if not re.fullmatch(POSITIVE_AMOUNT_PATTERN, text):
        raise ValueError(f"{text!r} is no amount above zero: {_AMOUNT_WRITTEN_AS}")
    return parse_amount(text)


def format_amount(value: Decimal) -> str:
    """The amount as it was written, without exponent.

    Raises:
        ValueError: negative, or more digits than the syntax has.
    """
    text = f"{value:f}"
    if not re.fullmatch(AMOUNT_PATTERN, text):
        raise ValueError(f"{value} cannot be written as an amount (12 digits, 6 decimals, not negative)")
    return text


_Parsed = TypeVar("_Parsed", timedelta, Decimal)


def _reading(
    parse: Callable[[str], _Parsed], kind: type[_Parsed], example: str, *, integers: bool
) -> Callable[[Any], _Parsed]:
    """A pydantic validator that takes text (and whole numbers where allowed) or an already parsed value."""

    def read(value: object) -> _Parsed:
        if isinstance(value, kind):
            return value
        if isinstance(value, str):
            return parse(value)
        if integers and isinstance(value, int) and not isinstance(value, bool):
            return parse(str(value))
        raise ValueError(f"{value!r} is no text; write it in quotes, for example '{example}'")

    return read


def _string(pattern: str, max_length: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "maxLength": max_length})


def integer_or_string(pattern: str, max_length: int, numbers: range) -> WithJsonSchema:
    """The JSON schema of a text that may also be written as one of these whole numbers."""
    return WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": pattern,
            "maxLength": max_length,
            "minimum": numbers[0],
            "maximum": numbers[-1],
        }
    )


Duration = Annotated[
    timedelta,
    BeforeValidator(_reading(parse_duration, timedelta, "30s", integers=False)),
    PlainSerializer(format_duration, return_type=str),
    _string(DURATION_PATTERN, 64),
]
"""A length of time, written `800ms`, `1h30m` or `7d`."""

Quantity = Annotated[
    Decimal,
    BeforeValidator(_reading(parse_quantity, Decimal, "512Mi", integers=True)),
    PlainSerializer(format_quantity, return_type=str),
    integer_or_string(QUANTITY_PATTERN, 32, range(10**15)),
]
"""A count or size, written `100k`, `512Mi`, `2.5`, or a whole number."""

Percentage = Annotated[
    Decimal,
    BeforeValidator(_reading(parse_percentage, Decimal, "90%", integers=False)),
    PlainSerializer(format_percentage, return_type=str),
    _string(PERCENTAGE_PATTERN, 11),
]
"""A share, written `99.9%`, held as the ratio 0.999."""

Amount = Annotated[
    Decimal,
    BeforeValidator(_reading(parse_amount, Decimal, "2.50", integers=True)),
    PlainSerializer(format_amount, return_type=str),
    integer_or_string(AMOUNT_PATTERN, 19, range(10**12)),
]
"""An exact decimal number such as money, written `"2.50"`, or a whole number."""

PositiveAmount = Annotated[
    Decimal,
    BeforeValidator(_reading(parse_positive_amount, Decimal, "2.50", integers=True)),
    PlainSerializer(format_amount, return_type=str),
    integer_or_string(POSITIVE_AMOUNT_PATTERN, 19, range(1, 10**12)),
]
"""An amount above zero."""
