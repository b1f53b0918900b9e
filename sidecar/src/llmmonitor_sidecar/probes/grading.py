"""Whether an answer is what was expected: pure functions, the same verdict for the same answer every time.

A verdict is empty where the answer holds, else it names what is broken, in fixed words and figures: never a
word of the answer, which stays in this process. `similar_to` measures spelling alone, not meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

import re2

from llmmonitor_api.probe_plan import Expected
from llmmonitor_sidecar.detectors.refusals import is_refusal
from llmmonitor_sidecar.probes.json_form import fulfils

_NUMBER = re.compile(r"(?<![\w.])[-+\u2212]?\d[\d,\u202f\u00a0]*(?:\.\d+)?")
_GRAM = 3
_PATTERN_BYTES = 1 << 20


def broken(expected: Expected, answer: str, seconds: float) -> str:
    """What of `expected` the answer breaks, empty if nothing.

    Args:
        expected: everything given in it must hold.
        answer: the text that the model gave.
        seconds: until the whole of it was there.
    """
    return next(_all_broken(expected, answer, seconds), "")


def _all_broken(expected: Expected, answer: str, seconds: float) -> Iterator[str]:
    if expected.contains and not contains(answer, expected.contains):
        yield "contains"
    if expected.excludes and (not answer.strip() or contains(answer, expected.excludes)):
        yield "excludes"
    if expected.matches and not matches(answer, expected.matches):
        yield "matches"
    if expected.json_schema is not None and not fulfils(answer, expected.json_schema):
        yield "jsonSchema"
    if expected.number and not gives_number(answer, expected.number, expected.tolerance):
        yield "number"
    if expected.similar_to and similarity(answer, expected.similar_to) < expected.at_least:
        yield f"similarTo {similarity(answer, expected.similar_to):.2f} < {expected.at_least:.2f}"
    if expected.refuses is not None and is_refusal(answer) is not expected.refuses:
        yield "refuses" if expected.refuses else "refused"
    limit = expected.max_latency_seconds
    if limit is not None and seconds > limit:
        yield f"maxLatency {seconds:.3g} s > {limit:.3g} s"


def contains(answer: str, text: str) -> bool:
    """Whether the text stands in the answer, whatever its case and however its white space."""
    return _plain(text) in _plain(answer)


def matches(answer: str, pattern: str) -> bool:
    """Whether RE2 finds the pattern; in linear time, since a model writes what it likes.

    A pattern that RE2 does not take is found nowhere.
    """
    options = re2.Options()
    options.max_mem, options.log_errors = _PATTERN_BYTES, False
    try:
        return re2.search(pattern, answer, options) is not None
    except re2.error:
        return False


def gives_number(answer: str, value: str, tolerance: str = "0") -> bool:
    """Whether the last number in the answer is `value`, but for `tolerance`; `1,234.5` is a number."""
    found = _NUMBER.findall(answer)
    if not found:
        return False
    digits = re.sub(r"[,\u202f\u00a0]", "", found[-1]).replace("\u2212", "-")
    try:
        return abs(Decimal(digits) - Decimal(value)) <= Decimal(tolerance)
    except InvalidOperation:
        return False


def similarity(answer: str, text: str) -> float:
    """Sørensen's and Dice's coefficient of both texts' character trigrams, 0 to 1 (Dice 1945)."""
    one, other = _grams(answer), _grams(text)
    if not one or not other:
        return float(_plain(answer) == _plain(text))
    return 2 * len(one & other) / (len(one) + len(other))


def _grams(text: str) -> set[str]:
    plain = _plain(text)
    return {plain[at : at + _GRAM] for at in range(len(plain) - _GRAM + 1)}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
