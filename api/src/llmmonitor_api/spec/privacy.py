"""What may be kept of what people type, and by what clients are told apart: `spec.privacy`."""

import ipaddress
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from llmmonitor_api.quantities import Duration
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.listmap import as_set, distinct
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import HeaderName


class ContentPolicy(StrEnum):
    """What leaves memory."""

    NEVER = "Never"
    REDACTED = "Redacted"


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}; write for example 10.0.0.0/8 or fd00::/8") from None
    return text


Network = Annotated[
    str, Field(pattern=r"^[0-9a-fA-F.:]+(/[0-9]{1,3})?$", max_length=49), AfterValidator(_network)
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
    """A request header that tells clients apart; only a keyed hash of it is kept, renewed daily."""
    trusted_proxies: Annotated[tuple[Network, ...], Field(max_length=50), as_set()] = ()
    """Proxies whose X-Forwarded-For is believed; from others it is ignored."""

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
