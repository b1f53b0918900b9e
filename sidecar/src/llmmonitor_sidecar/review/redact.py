"""Text without the personal data and secrets that can be told by their form: each as its kind and shape.

What the detectors find is replaced first, with what its checksum says; then whatever looks like the rest of
it, found or not: anything with an @, long numbers, long words of letters and digits. Names, places and what
is told in words have no form to be told by and stay: whoever reads a case reads a redacted text, not an
anonymous one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from llmmonitor_sidecar.detectors import pii, secrets
from llmmonitor_sidecar.detectors.finding import ends

CHARACTERS = 32_768
"""Of one text that are read; the middle of a longer one is left out."""
_CHECKED = frozenset({"card", "iban"})
_AT = re.compile(r"[^\s<>()\[\]{},;:\"']*@[^\s<>()\[\]{},;:\"']+")
_DIGITS = re.compile(r"(?:\d[ ().:/_-]{0,2}){4,}\d")
_WORD = re.compile(r"[A-Za-z0-9_+/=.~%-]{16,}")
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9A-Fa-f]{0,4}:){3,}[0-9A-Fa-f.]*")
_QUERY = re.compile(r"(?<=[?&#])[^\s?#\"'<>]{8,}")
_LETTERS, _DIGIT = re.compile(r"[A-Za-z]"), re.compile(r"\d")
_PHONE_DIGITS = 5


def redacted(text: str, limit: int) -> str:
    """`text`, redacted, at most `limit` characters of it."""
    read = ends(text, CHARACTERS)
    return ends(_replaced(read, _found(read)), limit)


def _found(text: str) -> Iterator[tuple[int, int, str]]:
    """Begin, end and what to say, of all that the detectors find."""
    for value in pii.values(text):
        yield *value.at, _said(value, text[slice(*value.at)])
    for secret, proven in secrets.found_in(text):
        said = f"[secret{': its form proves it' if proven else ''}, {len(secret)} characters]"
        begin = text.find(secret)
        while begin >= 0:
            yield begin, begin + len(secret), said
            begin = text.find(secret, begin + len(secret))


def _said(value: pii.Value, written: str) -> str:
    if value.sort == "email":
        return "[e-mail address]"
    if value.sort == "ip":
        return "[IP address]"
    checked = ", checksum right" if value.sort in _CHECKED else ""
    return f"[{value.sort}{checked}, {_shape(written)}]"


def _shape(written: str) -> str:
    """As it is written, each digit as 9 and each letter as A."""
    return _DIGIT.sub("9", _LETTERS.sub("A", written))


def _replaced(text: str, spans: Iterable[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    at = 0
    for begin, end, said in sorted(spans):
        if begin >= at:
            pieces += [_rest(text[at:begin]), said]
        at = max(at, end)  # of what overlaps, nothing shows
    return "".join([*pieces, _rest(text[at:])])


def _rest(text: str) -> str:
    """What nobody found, and looks like it."""
    text = _AT.sub("[something with @]", text)
    text = _QUERY.sub("[query]", text)
    text = _ADDRESS.sub(lambda one: "[address]" if len(one.group()) > _PHONE_DIGITS else one.group(), text)
    text = _WORD.sub(_word, text)
    return _DIGITS.sub(lambda one: f"[number: {_shape(one.group())}]", text)


def _word(found: re.Match[str]) -> str:
    """A long word of letters and digits may be a key; one of letters alone is a word."""
    word = found.group()
    mixed = _LETTERS.search(word) and _DIGIT.search(word)
    return f"[{len(word)} characters]" if mixed else word
