"""Keys and passwords in answers and tool calls, by what issuers write before them; the user's are no news.

GitHub's and npm's tokens end in a CRC-32 of the rest in base 62 (GitHub, "Behind GitHub's new authentication
token formats", 2021), so that no word that merely looks alike is taken for one.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator

import msgspec
import re2

from llmmonitor_api.interactions import kinds, table
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.finding import Finding, Heard, ends

CHARACTERS = 32_768
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKED = re.compile(r"\b((?:gh[pousr]|npm)_)([A-Za-z0-9]{30})([A-Za-z0-9]{6})\b")
_PREFIXED = re.compile(
    r"\b(?:(?:AKIA|ASIA)[A-Z2-7]{16}"
    r"|github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"
    r"|glpat-[A-Za-z0-9_-]{20}"
    r"|sk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,180}"
    r"|xox[abprs]-[0-9]{8,14}-[A-Za-z0-9-]{20,72}"
    r"|AIza[A-Za-z0-9_-]{35}"
    r"|(?:sk|rk)_live_[A-Za-z0-9]{20,99}"
    r"|hf_[A-Za-z]{34}"
    r"|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"
    r"|pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,180}"
    r"|dop_v1_[0-9a-f]{64}"
    r"|ya29\.[A-Za-z0-9_-]{30,180})(?![A-Za-z0-9_-])"
)
_ASSIGNED = re.compile(
    r"(?i)\b(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token)\b[\"']?\s{0,3}"
    r"(?:[:=]|\bis\b)\s{0,3}[\"'`]?([^\s\"'`,;<>{}()\[\]]{8,80})"
)
_PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z]{2,9} )?PRIVATE KEY-----\s+(?:[A-Za-z0-9+/=]{16,76}\s+){2,}", re.DOTALL
)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{10,400}\.eyJ[A-Za-z0-9_-]{10,2000}\.[A-Za-z0-9_-]{20,700}\b")
_MADE_UP = re.compile(r"(?i)example|your|xxxx|1234|abcd|placeholder|changeme|dummy|redacted|\*\*\*|\.\.\.|<")
_CANDIDATE = re2.compile(
    r"gh[pousr]_|npm_|PRIVATE KEY|eyJ[A-Za-z0-9_-]{10}|A[KS]IA|github_pat_|glpat-|sk-|xox[abprs]-|AIza|"
    r"[sr]k_live_|hf_|SG\.|pypi-|dop_v1_|ya29|(?i:passw|pwd|secret|api[_-]?key|access[_-]?token|auth[_-]?token)"
)
"""Without one of which there is nothing to find: by RE2, since most texts have none."""
_GIVEN = {
    Origin.ANSWER: frozenset({Origin.USER}),
    Origin.CALL: frozenset({Origin.USER, Origin.SYSTEM}),
}
"""Whose secrets are no news there: a key in the system prompt is given to call tools with, not to be told."""
_ASSIGNED_BITS = 3.0
"""Of entropy per character that a password has and a word has not."""


def found_in(text: str) -> Iterator[tuple[str, bool]]:
    """Every secret, and whether its form alone proves it one."""
    if not _CANDIDATE.search(text):
        return
    yield from ((secret, True) for secret in _proven(text))
    for match in _PREFIXED.finditer(text):
        if not _MADE_UP.search(match.group()):
            yield match.group(), False
    for match in _ASSIGNED.finditer(text):
        value = match.group(1).rstrip(".!?")
        if _looks_random(value):
            yield value, False


def _proven(text: str) -> Iterator[str]:
    for match in _CHECKED.finditer(text):
        if _checksum(match.group(2)) == match.group(3):
            yield match.group()
    yield from (match.group() for match in _PRIVATE_KEY.finditer(text))
    yield from (match.group() for match in _JWT.finditer(text) if _is_jwt(match.group()))


def exposed(heard: Heard) -> Iterator[Finding]:
    """An answer holds a secret that its user did not bring, or a call one that its owner did not give."""
    facts = table.SECRETS
    for origin, texts in heard.output:
        found = [one for text in texts for one in found_in(ends(text, CHARACTERS))]
        brought = [one.text for one in heard.context if one.origin in _GIVEN[origin]] if found else []
        news = [verified for secret, verified in found if not any(secret in text for text in brought)]
        if news:
            yield Finding(kinds.SECRETS_EXPOSED.name, facts.name, facts.version, origin, any(news))


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    while number:
        number, place = divmod(number, 62)
        digits = _BASE62[place] + digits
    return digits.rjust(6, "0")


def _is_jwt(text: str) -> bool:
    head = text.partition(".")[0]
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return False
    return isinstance(header, dict) and "alg" in header


def _looks_random(value: str) -> bool:
    if _MADE_UP.search(value) or value.isalpha() or not any(one.isdigit() for one in value):
        return False
    counts = Counter(value)
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return bits >= _ASSIGNED_BITS and "/" not in value[:1]
