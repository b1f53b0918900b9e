"""Words that were planted in traffic, looked for wherever they must not be: as they are, encoded, hashed."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

IN_EVERY_RUN = "kestrel7731"
"""Part of every prompt of `e2e/model/clients.py`."""
_ALGORITHMS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2s", "blake2b")
_BLAKE_BYTES = (8, 16, 20, 32)
"""Lengths of which BLAKE2 makes another hash, no beginning of a longer one."""
_FEWEST_BYTES = 8
"""Of a hash that was cut: fewer stand somewhere by chance."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Something that was found."""

    planted: str
    form: str
    """`plain`, `base64`, or the hash."""
    where: str


def traces(where: str, data: bytes | str, planted: Iterable[str]) -> list[Trace]:
    """What of `planted` is in `data`, which is also looked into where parts of it are compressed."""
    plain = data.encode() if isinstance(data, str) else data
    forms = [(one, name, form) for one in planted for name, form in _forms(one)]
    return [
        Trace(one, name, where)
        for layer in _layers(plain)
        for one, name, form in forms
        if form in layer or form in layer.lower()
    ]


def objects(found: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Each object of a list as `kubectl get --output=json` gives it, and each value of its data, decoded."""
    for item in found["items"]:
        name = f"{item['kind']} {item['metadata'].get('namespace')}/{item['metadata']['name']}"
        yield name, json.dumps(item, ensure_ascii=False).encode()
        encoded = dict(item.get("binaryData") or {}) | (item["data"] if item["kind"] == "Secret" else {})
        for key, value in encoded.items():
            yield f"{name} {key}", base64.b64decode(value)


def _forms(text: str) -> Iterator[tuple[str, bytes]]:
    raw = text.encode()
    yield "plain", raw.lower()
    yield "hex", raw.hex().encode()
    for at in range(3):  # wherever it begins in what was encoded
        encoded = base64.b64encode(b"\0" * at + raw)
        yield "base64", encoded[at + 1 : len(encoded) - 4]
    for name in _ALGORITHMS:
        yield from _of_digest(name, hashlib.new(name, raw).digest())
    for size in _BLAKE_BYTES:
        yield from _of_digest(f"blake2b-{size}", hashlib.blake2b(raw, digest_size=size).digest())
        yield from _of_digest(f"blake2s-{size}", hashlib.blake2s(raw, digest_size=size).digest())


def _of_digest(name: str, digest: bytes) -> Iterator[tuple[str, bytes]]:
    beginning = digest[:_FEWEST_BYTES]
    yield name, beginning
    yield name, beginning.hex().encode()
    yield name, base64.b64encode(digest)[:10]
    yield name, base64.urlsafe_b64encode(digest)[:10]


def _layers(data: bytes) -> Iterator[bytes]:
    yield data
    try:
        yield from _layers(zlib.decompress(data))
    except zlib.error:
        return
