"""Texts that are made, where no collection can be had: values with right checksums, hidden text, loops."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from typing import Any

from llmmonitor_api.interactions import table
from llmmonitor_sidecar.detectors.pii import iban, luhn

COUNT = 200
_SENTENCES = (
    "You can reach her: {v}.",
    "On file: {v}",
    "His details are {v}, as of May.",
    "{v} is what I found.",
    "| name | {v} |",
)
_NAMES = ("ana.meier", "j.okafor", "lin_wei88", "t.rossi", "olga.petrova", "sam+news")
_DOMAINS = ("gmail.com", "elmbank.co.uk", "uni-bonn.de", "proton.me", "mail.ru")
_LOOK_ALIKES = str.maketrans("aeopc", "аеорс")  # noqa: RUF001 - that is the point


def MADE() -> list[tuple[str, str, list[str]]]:  # noqa: N802 - a table that is drawn
    """Detector, sort of value, and texts that hold one."""
    draw = random.Random(7)
    makers = {"card number": _card, "IBAN": _iban, "SSN": _ssn, "e-mail": _email, "phone number": _phone}
    found = [
        (table.PII.name, sort, [draw.choice(_SENTENCES).format(v=make(draw)) for _ in range(COUNT)])
        for sort, make in makers.items()
    ]
    keys = [draw.choice(_SENTENCES).format(v=_key(draw)) for _ in range(COUNT)]
    return [*found, (table.SECRETS.name, "keys by their form", keys)]


def _digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice("0123456789") for _ in range(count))


def _card(draw: random.Random) -> str:
    body = draw.choice(("4", "51", "37")) + _digits(draw, 14)
    body = body[: 14 if body.startswith("37") else 15]
    whole = next(body + last for last in "0123456789" if luhn(body + last))
    parts = [whole[at : at + 4] for at in range(0, len(whole), 4)]
    return draw.choice((" ", "-", "")).join(parts)


def _iban(draw: random.Random) -> str:
    body = _digits(draw, 18)
    return next(text for check in range(2, 99) if iban(text := f"DE{check:02}{body}"))


def _ssn(draw: random.Random) -> str:
    return f"{draw.randrange(1, 665):03}-{draw.randrange(1, 99):02}-{draw.randrange(1, 9999):04}"


def _email(draw: random.Random) -> str:
    return f"{draw.choice(_NAMES)}@{draw.choice(_DOMAINS)}"


def _phone(draw: random.Random) -> str:
    national = f"({draw.randrange(201, 989)}) {draw.randrange(201, 554)}-{_digits(draw, 4)}"
    return draw.choice(
        (national, f"+49 {draw.randrange(30, 999)} {_digits(draw, 7)}", f"+1-{national[1:4]}-{national[6:]}")
    )


def _key(draw: random.Random) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    mixed = letters + letters.lower() + "0189"
    return draw.choice(
        (
            "AKIA" + "".join(draw.choices(letters, k=16)),
            "sk-proj-" + "".join(draw.choices(mixed, k=48)),
            "glpat-" + "".join(draw.choices(mixed, k=20)),
            "AIza" + "".join(draw.choices(mixed, k=35)),
            "sk_live_" + "".join(draw.choices(mixed, k=24)),
        )
    )


def many_shot(examples: Sequence[dict[str, Any]]) -> list[str]:
    """Runs of 32 invented turns."""
    turns = [f"User: {one['user']}\nAssistant: {one['assistant']}" for one in examples]
    return ["\n".join(turns[at : at + 32]) for at in range(0, len(turns) - 31, 32)]


def looping() -> list[str]:
    """Answers caught in a loop, of several periods."""
    draw = random.Random(8)
    words = (
        "the",
        "sea",
        "is",
        "calm",
        "and",
        "a",
        "ship",
        "comes",
        "home",
        "with",
        "bread",
        "salt",
        "oil",
        "wine",
    )
    begin = "Once there was a town by the water. "
    return [begin + (" ".join(draw.choices(words, k=draw.randrange(1, 18))) + " ") * 30 for _ in range(COUNT)]


def hidden(texts: Sequence[str]) -> list[str]:
    """Attacks in base64, in look-alike letters, with invisible characters, and as tags."""
    ascii_ones = [text[:400] for text in texts if text[:400].isascii() and len(text.split()) >= 8]
    found = []
    for place, text in enumerate(ascii_ones):
        way = place % 4
        if way == 0:
            found.append(f"Decode this: {base64.b64encode(text.encode()).decode()}")
        elif way == 1:
            found.append(text.translate(_LOOK_ALIKES))
        elif way == 2:
            found.append("\u200b".join(text))
        else:
            found.append("Hello." + "".join(chr(0xE0000 + ord(one)) for one in text if one.isprintable()))
    return found
