"""Text that is hidden: base64 of words, words of two alphabets, characters that are not shown.

`revealed` gives the text that a model would read out of it, for the other detectors. Joiners have their place
within emoji and in the scripts of India, Persia and Arabia, and a byte order mark at the beginning: there
they are nothing hidden. Look-alikes: Unicode TR 39, the Cyrillic and Greek letters that look Latin.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterator

import re2

from llmmonitor_api.interactions import kinds, table
from llmmonitor_sidecar.detectors.finding import Finding
from llmmonitor_sidecar.detectors.said import Message

CHARACTERS = 32_768
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{24,8192}={0,2}(?![A-Za-z0-9+/_-])")
_LONG_WORD = re2.compile(r"[A-Za-z0-9+/_-]{24}")
"""Without one there is no base64: by RE2, since most texts have none."""
_WORDS = re.compile(r"[^\W\d_]{2,}(?:[\s,.;:!?'-]+[^\W\d_]{1,}){2,}")
_PRINTABLE = 0.95
_INVISIBLE = "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e"
_WITHIN_WORDS = re.compile(rf"[A-Za-z][{_INVISIBLE}]{{1,8}}[A-Za-z]")
_WITHIN_LEAST = 2
_TAGS = re.compile("[\U000e0020-\U000e007e]{4,}")
_TAG_OFFSET = 0xE0000
_FLAG = "\U0001f3f4"
"""Flags of regions are a black flag and tags (Unicode TR 51)."""
_LOOK_ALIKES = str.maketrans(
    "аеорсухіјѕԁһӏАВЕКМНОРСТХІЈЅοαικνρτυχγΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdhlABEKMHOPCTXIJSoaiknptuxyABEZHIKMNOPTYX",
)
_WORD = re.compile(r"\w+")
_LATIN = re.compile(r"[A-Za-z]")
_OTHER = re.compile(r"[Ͱ-Ͽа-яА-ЯіїєѕјԁһӏІЈЅ]")
_LETTERS = re.compile(r"[A-Za-zͰ-Ͽа-яА-ЯіїєѕјԁһӏІЈЅ]{4,}")
_TWO_ALPHABETS_LEAST = 2
_MIXED = re2.compile(rf"[{_INVISIBLE}]|[A-Za-z]\S*{_OTHER.pattern}|{_OTHER.pattern}\S*[A-Za-z]")
"""Without it nothing is within words, nor two alphabets in one: most texts that are not ASCII have but dashes
and accents, and RE2 sees that six times faster than each word is looked at."""


def hidden(text: str) -> tuple[str, ...]:
    """What is hidden in `text`, decoded; empty when nothing is."""
    found = [*_decoded(text)]
    if not text.isascii():
        tags = [one for one in _TAGS.finditer(text) if text[one.start() - 1 : one.start()] != _FLAG]
        found += ["".join(chr(ord(one) - _TAG_OFFSET) for one in match.group()) for match in tags]
        if _MIXED.search(text) and (
            len(_WITHIN_WORDS.findall(text)) >= _WITHIN_LEAST
            or sum(1 for _ in _of_two_alphabets(text)) >= _TWO_ALPHABETS_LEAST
        ):
            found.append(plain(text))
    return tuple(found)


def plain(text: str) -> str:
    """`text` with compatibility forms, look-alikes and invisible characters undone."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(f"[{_INVISIBLE}]", "", text)
    pieces, at = [], 0
    for begin, end in _of_two_alphabets(text):
        pieces += [text[at:begin], text[begin:end].translate(_LOOK_ALIKES)]
        at = end
    return "".join([*pieces, text[at:]])


def _of_two_alphabets(text: str) -> Iterator[tuple[int, int]]:
    """Where letters stand, from each on which the rest of the word has both alphabets; in linear time."""
    for word in _WORD.finditer(text):
        if not (_LATIN.search(word.group()) and _OTHER.search(word.group())):
            continue
        last = min(max(one.start() for one in kind.finditer(word.group())) for kind in (_LATIN, _OTHER))
        for letters in _LETTERS.finditer(word.group()):
            if letters.start() <= last:
                yield word.start() + letters.start(), word.start() + letters.end()


def judge(message: Message, found: tuple[str, ...]) -> Iterator[Finding]:
    """Whether a message hides text; `found` is what is `hidden` in it."""
    if found:
        facts = table.ENCODINGS
        yield Finding(kinds.ENCODED_CONTENT.name, facts.name, facts.version, message.origin, verified=True)


def _decoded(text: str) -> Iterator[str]:
    if not _LONG_WORD.search(text):
        return
    for found in _BASE64.finditer(text):
        piece = found.group().rstrip("=").replace("-", "+").replace("_", "/")
        if len(piece) % 4 == 1:
            continue
        try:
            raw = base64.b64decode(piece + "=" * (-len(piece) % 4), validate=True)
            words = raw.decode("utf-8")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
        shown = sum(one.isprintable() or one.isspace() for one in words)
        if shown >= _PRINTABLE * len(words) and _WORDS.search(words):
            yield words
