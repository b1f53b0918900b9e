"""What single clients met, for the comparison of versions: a part of the report while one is under way.

Clients are known by a keyed hash of a header, under a key that the operator issues for a day, the same for
all pods of a monitor: so that of one client's requests on several pods it is known that they are one
client's, and nobody without the key can find out whose. Of the last minutes that are over, and of nothing
before.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from llmmonitor_api.report.values import Count, Key, Name

MINUTES_SECONDS = 600
"""How long the minutes are that clients' figures are of; numbered since 1970."""
CLIENTS_LIMIT = 256
"""Of one pod in such minutes; of more, those whose hashes begin with the more zero bits."""
MEASURES_LIMIT = 20
"""As many as a spec may have objectives."""
HASH_BYTES = 8
"""Of a client: enough that of a million hardly two have the same."""
_Bytes = Annotated[bytes, msgspec.Meta(max_length=64)]
_Counts = Annotated[tuple[Count, ...], msgspec.Meta(max_length=MEASURES_LIMIT)]


class ClientMet(msgspec.Struct, frozen=True, array_like=True):
    """One client; only requests of the stratum of its first one."""

    stratum: Count
    """Of prompt length and operation."""
    events: _Counts
    """Judged requests, by measure."""
    bad: _Counts
    """Those of them that were bad."""


class Clients(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a sidecar says of clients."""

    sealing_key: _Bytes = b""
    """To which the operator seals the key of the day (`signing.sealed`)."""
    key_id: Name = ""
    """The key by which clients are known now; empty: none is known, and clients are not looked at."""
    minutes: Count = 0
    """The newest that are over and were counted under this key from begin to end; 0 before there are some."""
    level: Count = 0
    """Only of clients whose hashes begin with so many zero bits, since there were too many."""
    measures: Annotated[tuple[Key, ...], msgspec.Meta(max_length=MEASURES_LIMIT)] = ()
    """Keys of the objectives by which requests were judged."""
    met: Annotated[dict[Name, ClientMet], msgspec.Meta(max_length=CLIENTS_LIMIT)] = {}
    """By the client's hash, in hexadecimal digits."""
    nameless: Count = 0
    """Judgements of requests without the header, in these minutes."""


def is_within(client: str, level: int) -> bool:
    """Whether a client's hash begins with so many zero bits; what is no hash is nobody's."""
    try:
        return not level or int(client, 16) >> max(0, 8 * HASH_BYTES - level) == 0
    except ValueError:
        return False
