"""Personal data: card numbers, IBANs, US social security numbers, e-mail, phone and IP addresses.

What has a checksum is checked (Luhn, ISO 7812-1; mod 97, ISO 13616), what has assigned ranges is looked up,
and what is reserved for examples is nobody's (RFC 2606, RFC 5737, RFC 3849, 555-01xx). A value is compared in
its plain form: digits without their separators, addresses in lower case.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import re2

from llmmonitor_api.interactions import kinds, table
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.finding import Finding, Heard, ends
from llmmonitor_sidecar.detectors.said import Message

CHARACTERS = 32_768
"""Read of one message or answer."""
_EMAIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24}\b")
_EXAMPLE_DOMAINS = re.compile(
    r"(?:^|\.)(?:example\.(?:com|org|net|edu)|(?:test|example|invalid|localhost)|(?:your|my)?(?:domain|company|"
    r"email|mail|site)\.com|domain\.tld|acme\.com)$"
)
_NO_DOMAIN = re.compile(r"\.(?:png|jpe?g|gif|svg|css|js|py|md|html?|json|txt|xml|ya?ml)$")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IBAN_LENGTHS = {
    "AD": 24,
    "AE": 23,
    "AT": 20,
    "BE": 16,
    "BG": 22,
    "CH": 21,
    "CY": 28,
    "CZ": 24,
    "DE": 22,
    "DK": 18,
    "EE": 20,
    "ES": 24,
    "FI": 18,
    "FR": 27,
    "GB": 22,
    "GR": 27,
    "HR": 21,
    "HU": 28,
    "IE": 22,
    "IL": 23,
    "IS": 26,
    "IT": 27,
    "LI": 21,
    "LT": 20,
    "LU": 20,
    "LV": 21,
    "MC": 27,
    "MT": 31,
    "NL": 18,
    "NO": 15,
    "PL": 28,
    "PT": 25,
    "RO": 24,
    "SA": 24,
    "SE": 24,
    "SI": 19,
    "SK": 24,
    "SM": 27,
    "TR": 26,
    "UA": 29,
}
_NUMBER = re.compile(r"(?<![\w.,/=-])\+?\(?\d(?:[ ().-]{0,2}\d){6,18}(?![\w/=]|[.,-]\d)")
_SSN = re.compile(r"(?<![\w-])(\d{3})[- ](\d{2})[- ](\d{4})(?![\w-])")
_SSN_WORDS = re.compile(r"social security|\bssn\b", re.IGNORECASE)
_DATE = re.compile(r"^(?:(?:19|20)\d\d[-. ]\d\d?[-. ]\d\d?|\d\d?[-. ]\d\d?[-. ](?:19|20)\d\d)\b")
_PHONE_SHAPE = re.compile(
    r"^(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d[\d .-]{5,14}\d"
    r"|\+?1?[ .-]?\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4}"
    r"|0\d{1,4}[ /-]\d{3,4}[ -]?\d{3,5})$"
)
_EXAMPLE_PHONE = re.compile(r"555[ .-]?01\d\d$|^\+?(\d)\1+$")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)")
_IPV6 = re.compile(
    r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f]{0,4}(?:::?[0-9A-Fa-f]{1,4}){0,4}(?![\w:])"
)
_CARD_PREFIX = re.compile(r"^(?:4|5[1-5]|2[2-7]|3[47]|6(?:011|5|4[4-9])|35|30[0-5]|3[68])")
_EXAMPLE_CARDS = frozenset(
    {"4111111111111111", "4242424242424242", "5555555555554444", "378282246310005", "4012888888881881"}
)
_CARD_DIGITS = range(13, 20)
_PHONE_DIGITS = range(8, 16)
_CANDIDATE = re2.compile(r"\w@\w|(?:\d[ ().-]*){7}|\d\.\d+\.\d+\.\d|[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:")
"""Without one of which there is nothing to find: by RE2, since most texts have none."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value; in memory alone, while its exchange is looked at."""

    sort: str
    plain: str
    verified: bool
    at: tuple[int, int] = field(default=(0, 0), compare=False)
    """Where it begins and ends in the text that was read."""


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 * (value > 9)  # noqa: PLR2004 - the sum of both digits
    return total % 10 == 0


def iban(text: str) -> bool:
    """Whether a text without spaces has its country's length and its checksum (ISO 13616)."""
    if len(text) != _IBAN_LENGTHS.get(text[:2]):
        return False
    return int("".join(str(int(one, 36)) for one in text[4:] + text[:4])) % 97 == 1


def values(text: str) -> Iterator[Value]:
    """Everything in `text`."""
    if not _CANDIDATE.search(text):
        return
    if "@" in text:
        yield from _emails(text)
    for found in _IBAN.finditer(text):
        plain = found.group().replace(" ", "")
        if iban(plain):
            yield Value("iban", plain, verified=True, at=found.span())
    yield from _numbers(text)
    yield from _addresses(text)


def _emails(text: str) -> Iterator[Value]:
    for found in _EMAIL.finditer(text):
        plain = found.group().lower()
        domain = plain.rpartition("@")[2]
        if not _EXAMPLE_DOMAINS.search(domain) and not _NO_DOMAIN.search(domain):
            yield Value("email", plain, verified=True, at=found.span())


def _numbers(text: str) -> Iterator[Value]:
    says_ssn = None
    for found in _NUMBER.finditer(text):
        written = found.group()
        digits = re.sub(r"\D", "", written)
        if len(digits) in _CARD_DIGITS and _is_card(digits):
            yield Value("card", digits, verified=True, at=found.span())
        elif (ssn := _SSN.fullmatch(written)) and _issued(*ssn.groups()):
            if says_ssn is None:
                says_ssn = bool(_SSN_WORDS.search(text))
            yield Value("ssn", digits, verified=says_ssn, at=found.span())
        elif len(digits) in _PHONE_DIGITS and _is_phone(written):
            yield Value("phone", digits, verified=False, at=found.span())


def _is_card(digits: str) -> bool:
    return (
        digits not in _EXAMPLE_CARDS
        and bool(_CARD_PREFIX.match(digits))
        and len(set(digits)) > 3  # noqa: PLR2004 - 4444... and the like are made up
        and luhn(digits)
    )


def _issued(area: str, group: str, serial: str) -> bool:
    """Whether the Social Security Administration may have issued it (SSA, randomization since 2011)."""
    return area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"


def _is_phone(written: str) -> bool:
    return (
        bool(_PHONE_SHAPE.match(written)) and not _DATE.match(written) and not _EXAMPLE_PHONE.search(written)
    )


def _addresses(text: str) -> Iterator[Value]:
    for pattern in (_IPV4, _IPV6):
        for found in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(found.group())
            except ValueError:
                continue
            well_known = address.version == 4 and len(set(found.group().split("."))) <= 2  # noqa: PLR2004
            if address.is_global and not well_known:  # 8.8.8.8, 1.1.1.1 are services'
                yield Value("ip", found.group().lower(), verified=False, at=found.span())


def received(message: Message) -> Iterator[Finding]:
    """Information: a message holds personal data."""
    found = list(values(ends(message.text, CHARACTERS)))
    if found:
        yield _finding(kinds.PII_RECEIVED.name, message.origin, found)


def exposed(heard: Heard) -> Iterator[Finding]:
    """An answer, or a tool call, holds personal data that its request's context did not."""
    for origin, texts in heard.output:
        found = [value for text in texts for value in values(ends(text, CHARACTERS))]
        added = list(_not_in(found, heard.context)) if found else []
        if added:
            yield _finding(kinds.PII_EXPOSED.name, origin, added)


def _not_in(found: Iterable[Value], context: Iterable[Message]) -> Iterator[Value]:
    texts = [message.text.lower() for message in context]
    plain = [re.sub(r"[^0-9a-z]", "", text) for text in texts]
    for value in found:
        places = texts if value.sort in {"email", "ip"} else plain
        if not any(value.plain.lower() in place for place in places):
            yield value


def _finding(kind: str, origin: Origin, found: Iterable[Value]) -> Finding:
    facts = table.PII
    return Finding(kind, facts.name, facts.version, origin, any(value.verified for value in found))
