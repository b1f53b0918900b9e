import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from llmmonitor_api import quantities as q


class Everything(BaseModel):
    duration: q.Duration
    quantity: q.Quantity
    share: q.Percentage
    price: q.Amount


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", timedelta(0)),
        ("800ms", timedelta(milliseconds=800)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("30m1h", timedelta(minutes=90)),
        ("7d", timedelta(days=7)),
        ("250us", timedelta(microseconds=250)),
        ("250µs", timedelta(microseconds=250)),
    ],
)
def test_durations_read_as_go_reads_them_with_days_besides(text: str, value: timedelta) -> None:
    assert q.parse_duration(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "-1s",
        "+1s",
        "1w",
        "1 s",
        "1S",
        "s",
        ".5s",
        "5.s",
        "1e3s",
        "\u0663s",
        "0.5us",
        "1d12h",
        "0.5d",
    ],
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"30s|microsecond"):
        q.parse_duration(text)


def test_a_duration_beyond_a_century_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than 36500d"):
        q.parse_duration("99999d")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2.5", "2.5"),
        ("512Mi", str(512 * 1024**2)),
        ("100m", "0.1"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("1E", "1000000000000000000"),
        ("1Ei", str(1024**6)),
        ("3E-2", "0.03"),
        ("100k", "100000"),
        ("1n", "1e-9"),
    ],
)
def test_quantities_read_as_kubernetes_reads_them(text: str, value: str) -> None:
    assert q.parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "-1", "1K", "1mi", "1e999999999", "1e+", "NaN", "Infinity", "1_000", "\u0661"]
)
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity; write for example"):
        q.parse_quantity(text)


@pytest.mark.parametrize(
    ("text", "ratio"), [("99.9%", "0.999"), ("0%", "0"), ("100%", "1"), ("99.999999%", "0.99999999")]
)
def test_percentages_are_exact_ratios(text: str, ratio: str) -> None:
    assert q.parse_percentage(text) == Decimal(ratio)


@pytest.mark.parametrize("text", ["99.9", "101%", "100.1%", "-1%", "%", "1e1%", "1.0000001%", "\uff10%"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from 0% to 100%"):
        q.parse_percentage(text)


def test_a_quantity_of_many_digits_is_not_rounded() -> None:
    value = q.parse_quantity("123456789012345.123456789Ei")

    assert Fraction(value) == Fraction(123456789012345123456789, 10**9) * 1024**6


def test_an_amount_keeps_the_decimals_it_was_written_with() -> None:
    assert q.format_amount(q.parse_amount("2.50")) == "2.50"


@pytest.mark.parametrize(("hours", "text"), [(24, "1d"), (36, "36h"), (48.5, "48h30m"), (0, "0s")])
def test_days_are_written_where_they_are_whole(hours: float, text: str) -> None:
    assert q.format_duration(timedelta(hours=hours)) == text


@given(st.timedeltas(min_value=timedelta(0), max_value=q.MAX_DURATION))
def test_every_duration_survives_its_text(value: timedelta) -> None:
    assert q.parse_duration(q.format_duration(value)) == value


@given(st.from_regex(q.QUANTITY_PATTERN.replace("$", r"\Z"), fullmatch=True))
def test_every_quantity_survives_its_shortest_text(text: str) -> None:
    value = q.parse_quantity(text)
    try:
        shortest = q.format_quantity(value)
    except ValueError:  # finer than a billionth, or too many digits: said, never rounded
        assert value > 0
        return

    assert q.parse_quantity(shortest) == value


@given(st.decimals(min_value=0, max_value=1, places=8))
def test_every_ratio_survives_its_text(ratio: Decimal) -> None:
    assert q.parse_percentage(q.format_percentage(ratio)) == ratio


@given(st.decimals(min_value=0, max_value=Decimal("999999999999.999999"), places=6))
def test_every_amount_survives_its_text(value: Decimal) -> None:
    assert q.parse_amount(q.format_amount(value)) == value


@given(st.text(max_size=12) | st.from_regex(r"[0-9.]{1,5}(ms|s|us|d|%|Mi|e9)?", fullmatch=True))
def test_parser_and_pattern_agree_on_any_text(text: str) -> None:
    for pattern, parse in (
        (q.DURATION_PATTERN, q.parse_duration),
        (q.QUANTITY_PATTERN, q.parse_quantity),
        (q.PERCENTAGE_PATTERN, q.parse_percentage),
        (q.AMOUNT_PATTERN, q.parse_amount),
    ):
        matches = re.fullmatch(pattern, text) is not None
        refusal = _refusal(parse, text)
        assert matches == (refusal == "" or "microsecond" in refusal or "longer than" in refusal)


def _refusal(parse: Callable[[str], object], text: str) -> str:
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""


def test_pydantic_reads_writes_and_describes_each_kind() -> None:
    given_texts = {"duration": "1h30m", "quantity": "100k", "share": "99.9%", "price": "2.50"}

    model = Everything.model_validate(given_texts)

    assert model.duration == timedelta(minutes=90)
    assert model.share == Decimal("0.999")
    assert model.model_dump(mode="json") == given_texts
    schema = Everything.model_json_schema()["properties"]
    assert schema["duration"]["pattern"] == q.DURATION_PATTERN
    assert schema["price"]["x-kubernetes-int-or-string"] is True


def test_whole_numbers_stand_for_amounts_and_quantities_and_floats_for_nothing() -> None:
    assert TypeAdapter(q.Amount).validate_python(3) == Decimal(3)
    assert TypeAdapter(q.Quantity).validate_python(3) == Decimal(3)
    for kind, value in ((q.Amount, 2.5), (q.Amount, True), (q.Duration, 30), (q.Percentage, 99.9)):
        with pytest.raises(ValidationError, match="write it in quotes"):
            TypeAdapter(kind).validate_python(value)
