"""What every part of the status has in common, and the figures that carry their own uncertainty.

Status is written by one writer and read by people, by printer columns and, after a takeover, by the next
writer, perhaps of an older version: unknown fields are ignored when read. Numbers are rounded to three
significant digits, so that a status changes only when there is something to say; quantiles, which are values
of a histogram's buckets, to five; counts are exact.
"""

import math
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

SIGNIFICANT_DIGITS: Final = 3
QUANTILE_DIGITS: Final = 5
"""Three would add up to half a percent to the 0.99 % of a bucket (`histogram.RELATIVE_ERROR`)."""
LABEL_LIMIT: Final = 256
SENTENCE_LIMIT: Final = 1024
"""Characters; whoever writes what others called something cuts it there."""


def rounded(value: float) -> float:
    """`value` with three significant digits.

    Raises:
        ValueError: not a finite number, which JSON cannot carry.
    """
    return _with_digits(value, SIGNIFICANT_DIGITS)


def _of_a_bucket(value: float) -> float:
    return _with_digits(value, QUANTILE_DIGITS)


def _with_digits(value: float, digits: int) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number; leave out what is not known")
    if value == 0:
        return 0.0
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


Number = Annotated[float, AfterValidator(rounded)]
"""A figure with three significant digits."""

BucketValue = Annotated[float, AfterValidator(_of_a_bucket)]
"""A value that a histogram's bucket stands for, with five significant digits."""

Ratio = Annotated[float, Field(ge=0, le=1), AfterValidator(rounded)]
"""A share from 0 to 1 with three significant digits."""


def exact_if_whole(value: float) -> float:
    """`value` as it is where it is a whole number (a count), else with three significant digits.

    Raises:
        ValueError: not a finite number.
    """
    return value if math.isfinite(value) and value == math.floor(value) else rounded(value)


Amount = Annotated[float, AfterValidator(exact_if_whole)]
"""A figure that may be a count, which is exact up to 2^53, or else has three significant digits."""

Count = Annotated[int, Field(ge=0)]
"""How many; exact."""

Label = Annotated[str, Field(max_length=LABEL_LIMIT)]
"""A name or a word."""

Sentence = Annotated[str, Field(max_length=SENTENCE_LIMIT)]
"""A text for a person."""

DecimalText = Annotated[str, Field(pattern=r"^-?[0-9]{1,15}([.][0-9]{1,9})?$", max_length=26)]
"""An exact decimal number, such as money."""


class StatusModel(BaseModel):
    """A part of the status: frozen, camelCase outside, unknown fields ignored."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
    )


class Quantile(StatusModel):
    """A quantile with its distribution-free 95 % interval (order statistics; none for too few)."""

    value: BucketValue
    """The estimate."""
    low: BucketValue | None = None
    """The interval's lower end."""
    high: BucketValue | None = None
    """The interval's upper end."""


class Distribution(StatusModel):
    """A distribution by three quantiles."""

    p50: Quantile | None = None
    """The median."""
    p90: Quantile | None = None
    """The 90th percentile."""
    p99: Quantile | None = None
    """The 99th percentile."""
    count: Count = 0
    """The sample size."""


class Estimate(StatusModel):
    """A share with its 95 % interval."""

    value: Ratio
    """The estimate."""
    low: Ratio | None = None
    """The interval's lower end."""
    high: Ratio | None = None
    """The interval's upper end."""
    count: Count = 0
    """The sample size."""
