"""What may be kept of what people type, and by what clients are told apart: `spec.privacy`."""

import ipaddress
import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from llmmonitor_api.quantities import Duration
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.listmap import as_set, distinct
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import HeaderName
from llmmonitor_api.spec.server_rule import ServerRule


class ContentPolicy(StrEnum):
    """What leaves memory."""

    NEVER = "Never"
    REDACTED = "Redacted"


def _network_pattern() -> str:
    """Addresses of IPv4, and of IPv6 in all spellings (RFC 4291, 2.2), with or without a prefix."""
    word = "[0-9a-fA-F]{1,4}"
    byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    four = f"({byte}[.]){{3}}{byte}"
    whole = [f"({word}:){{7}}{word}", f"({word}:){{6}}{four}"]
    cut = [f":((:{word}){{1,7}}|:)", f"({word}:){{1,7}}:"]
    cut += [f"({word}:){{1,{left}}}(:{word}){{1,{7 - left}}}" for left in range(1, 7)]
    cut += [f"::({word}:){{0,5}}{four}"]
    cut += [f"({word}:){{1,{left}}}:({word}:){{0,{5 - left}}}{four}" for left in range(1, 6)]
    six = "|".join([*whole, *cut])
    return f"^({four}(/(3[0-2]|[12]?[0-9]))?|({six})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?)$"


_WAY_OUT: Final = "write for example 10.0.0.0/8 or fd00::/8"
NETWORK_PATTERN: Final = _network_pattern()
_IS_NETWORK: Final = ServerRule(
    cel=f"self.matches('{NETWORK_PATTERN}')", message=f"is no IP address or network; {_WAY_OUT}"
)
"""CEL's own `isCIDR` is newer than the oldest Kubernetes. Bits beyond the prefix are left to Python."""


def _network(text: str) -> str:
    if not re.fullmatch(NETWORK_PATTERN, text):
        raise ValueError(f"{text!r} {_IS_NETWORK.message}")
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; {_WAY_OUT}") from None
    return text


Network = Annotated[
    str,
    Field(pattern=r"^[0-9a-fA-F.:]+(/[0-9]{1,3})?$", max_length=49),
    AfterValidator(_network),
    _IS_NETWORK,
]
"""An IP address or network."""


class Review(SpecModel):
    """A bounded store of redacted cases in the sidecar, for people to judge."""

    max_cases: Annotated[int, Field(ge=10, le=1_000, strict=True)] = 200
    """Cases kept per pod, in memory; older ones make room."""
    max_age: Annotated[Duration, within(timedelta(hours=1), timedelta(days=30))] = timedelta(days=7)
    """Cases older than this are dropped; from 1h to 30d."""


class Privacy(SpecModel):
    """What may be kept, and for how long."""

    content: ContentPolicy = ContentPolicy.NEVER
    """Never: messages are seen in memory by detectors and dropped. Redacted: cases for review are kept in
    the sidecar's memory with personal data replaced by its kind."""
    review: Review | None = None
    """Opens the review queue; needs content: Redacted."""
    client_header: HeaderName | None = None
    """A request header that tells clients apart, where versions are compared or cases reviewed; only a keyed
    hash of it is kept, renewed daily."""
    trusted_proxies: Annotated[tuple[Network, ...], Field(max_length=50), as_set()] = ()
    """Proxies whose X-Forwarded-For is believed: of a request that comes through them the client's address is
    the last in it that is none of theirs. Of anybody else, and without any, it is the connection's."""

    rules: ClassVar[tuple[Rule, ...]] = (
        distinct("trusted_proxies"),
        Rule(
            at="review",
            reads=("content", "review"),
            message="a review queue keeps redacted cases; set content: Redacted, or leave review out",
            holds=lambda one: one.review is None or one.content is ContentPolicy.REDACTED,
            cel="!has(self.review) || self.content == 'Redacted'",
        ),
    )
