"""What the load program is asked to do and what it answers: one JSON line each, over its standard streams."""

from typing import Literal

import msgspec


class Plan(msgspec.Struct, kw_only=True, frozen=True):
    """One run of load against one address.

    `requests_per_second` makes the loop open (Poisson arrivals, seeded: late answers do not slow the next
    request); without it the loop is closed: `streams` requests are always in flight, the first ones spread
    evenly over `stagger_seconds`. Requests begun and events received during `warmup_seconds` are not
    recorded. `tokens_per_second=0` means lock step: a stream's next token leaves when the one before has
    arrived.
    """

    host: str
    port: int
    seconds: float
    warmup_seconds: float = 0.0
    requests_per_second: float | None = None
    streams: int = 1
    stagger_seconds: float = 0.0
    connections: Literal["kept", "new", "alternate"] = "kept"
    tokens: int = 16
    tokens_per_second: float = 50.0
    first_token_seconds: float = 0.02
    detail: Literal["count", "hops", "arrivals"] = "hops"
    drain_seconds: float = 2.0
    seed: int = 1
    path: str = "/v1/chat/completions"
    model: str = "paced"
    max_in_flight: int = 4096


class Record(msgspec.Struct, kw_only=True):
    """One request as its client saw it. Times are CLOCK_MONOTONIC ns, 0 where it did not come to that.

    `hop_ns` holds, per token inside the measured time, receipt minus the server's stamp; `arrival_ns` the
    receipts of all tokens (only with `detail="arrivals"`).
    """

    new_connection: bool
    begun_ns: int
    client_port: int = 0
    sent_ns: int = 0
    first_token_ns: int = 0
    first_stamp_ns: int = 0
    last_token_ns: int = 0
    done_ns: int = 0
    status: int = 0
    id: str = ""
    tokens: int = 0
    usage_tokens: int | None = None
    error: str = ""
    hop_ns: list[int] = []
    arrival_ns: list[int] = []


class Started(msgspec.Struct, tag="started"):
    """The warm-up is over: what is measured begins."""

    at_ns: int
    in_flight: int


class Ended(msgspec.Struct, tag="ended"):
    """The measured time is over; `tokens` were received in it."""

    at_ns: int
    tokens: int


class Finished(msgspec.Struct, tag="finished"):
    """All requests have ended or were cut off (`cut_off` were still in flight: no errors)."""

    records: list[Record]
    cut_off: int
    refused: int


Message = Started | Ended | Finished
