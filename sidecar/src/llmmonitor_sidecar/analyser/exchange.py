"""One request to a model server and its answer, as far as it has been seen.

The parser (`analyser/connection.py`) makes an `Exchange` when a request's head is complete, fills it while
bytes arrive, and says so by `ExchangeEvent`s; accounting reads it, also *while it is in flight*: nothing may
wait for completion, or an outage would censor the very requests that suffered from it.

Times are CLOCK_MONOTONIC nanoseconds, stamped by the relay when it read the bytes; 0 means "not yet".
What was said is kept in `said` alone, until detectors have looked at it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum

from llmmonitor_sidecar.detectors.said import Said

GAPS_LIMIT = 65_536
"""Gaps kept between two drains of one exchange; beyond it they are counted in `gaps_dropped`."""


class TokenSource(StrEnum):
    """Where a token count came from; the first three are exact."""

    USAGE = "usage"
    TOKEN_IDS = "token_ids"  # noqa: S105 - a count's origin, no secret
    LOGPROBS = "logprobs"
    COUNTED = "counted"
    """Deltas counted: a lower bound (speculative decoding puts several tokens in one chunk)."""
    NONE = "none"

    @property
    def exact(self) -> bool:
        """Whether counts of this source may be priced and compared."""
        return self in (TokenSource.USAGE, TokenSource.TOKEN_IDS, TokenSource.LOGPROBS)


class Outcome(StrEnum):
    """How an exchange ended; whose fault it was decides which objective it counts against."""

    IN_FLIGHT = "in_flight"
    OK = "ok"
    CLIENT_ERROR = "client_error"
    """4xx but those below: the request was wrong, not the model."""
    OVERLOADED = "overloaded"
    """429, 503 or 529: the server refused for load."""
    TIMED_OUT = "timed_out"
    """408 or 504, or the server's own time-out message."""
    SERVER_ERROR = "server_error"
    """Other 5xx, or an error event inside a stream that began with 200."""
    ABORTED = "aborted"
    """The client went away before the answer was complete."""
    CUT_OFF = "cut_off"
    """The server (or its connection) went away before the answer was complete."""
    MALFORMED = "malformed"
    """What followed could not be parsed; figures up to there hold, the exchange is not judged."""
    NOT_ANALYSED = "not_analysed"
    """Copies were shed in the middle: the exchange is counted, never judged."""


class EventKind(Enum):
    """What just became known about an exchange."""

    REQUEST_ENDED = "request_ended"
    """The last request byte was seen: from now on it is in flight."""
    FIRST_TOKEN = "first_token"  # noqa: S105 - an event's name, no secret
    """A first generated delta of any kind (streamed answers only)."""
    ENDED = "ended"
    """`outcome` is final and nothing of it will change."""


@dataclass(slots=True)
class ChoiceProgress:
    """One of a stream's `n` choices."""

    first_token_ns: int = 0
    last_token_ns: int = 0
    chunks: int = 0
    """Deltas that carried output of any kind."""
    tokens: int = 0
    """Tokens seen in them: exact with ids or logprobs, else one per delta."""
    tokens_in_first_chunk: int = 0
    finish_reason: str | None = None


@dataclass(slots=True)
class Exchange:
    """What is known of one request and its answer."""

    connection: int
    number: int
    """Position on its connection, from 0 (keep-alive, pipelining)."""
    method: str
    path: str
    """The route as the dialect's table spells it (`/v1/chat/completions`), or `other`: never the raw
    target."""
    dialect: str = "http"
    operation: str = "other"
    """OTel `gen_ai.operation.name`: chat, text_completion, embeddings, generate_content, ...; `other` without
    one."""
    generates: bool = False
    """Whether the operation asks the model to generate (chat yes, `/v1/models` no)."""
    request_model: str | None = None
    response_model: str | None = None
    system_fingerprint: str | None = None
    response_id: str | None = None
    """As the answer calls itself; None where its dialect or its server gives no name."""
    client: str = ""
    """A keyed hash of who sent it; empty where clients are not looked at, or did not say."""
    address: str = ""
    """The client's, as trusted proxies tell it; empty: its connection's."""
    request_bytes: int = 0
    """Of its body, as far as it is read."""
    stream: bool = False
    status: int = 0
    outcome: Outcome = Outcome.IN_FLIGHT
    malformed_reason: str | None = None
    error_type: str | None = None
    """OTel `error.type`: the status code as text, or the server's own error type, from a bounded set."""

    request_began_ns: int = 0
    request_ended_ns: int = 0
    response_began_ns: int = 0
    first_token_ns: int = 0
    first_content_ns: int = 0
    """First delta of visible content (not reasoning, not a tool call)."""
    calls_tool: bool = False
    """Whether a stream has begun to call a tool: then there may be no content, and none is missed."""
    last_token_ns: int = 0
    ended_ns: int = 0

    choices: dict[int, ChoiceProgress] = field(default_factory=dict)
    gaps_ns: list[int] = field(default_factory=list)
    """Times between successive chunks of one choice since the last drain by accounting."""
    gaps_dropped: int = 0
    longest_gap_ns: int = 0
    """Of all of them so far, whatever was drained."""

    prompt_tokens: int = 0
    prompt_token_source: TokenSource = TokenSource.NONE
    completion_tokens: int = 0
    completion_token_source: TokenSource = TokenSource.NONE
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    finish_reasons: tuple[str, ...] = ()
    """One per choice, in the dialect's own words mapped to stop, length, tool_calls, content_filter, error,
    other."""
    empty: bool = False
    """A complete, successful answer of a generating operation without any output."""

    logprobs: int = 0
    """Tokens of the answer of which it says how likely they were."""
    logprob_sum: float = 0.0
    """Of those, their natural logarithms added."""
    turns: int = 0
    """Messages in the request; 0 where its dialect has none."""
    parameters: int | None = None
    """Which it sets, by the bits of `report.features.PARAMETER_NAMES`; None where it was not read."""
    probe_mark: str = ""
    """What the request says in the header of our probes; anybody can write there."""

    wants_json: bool = False
    """Whether the request asked for JSON (`response_format`)."""
    said: Said | None = None
    """Its text, where the operation generates; taken away once it was looked at."""
    forms: tuple[tuple[str, bool], ...] = ()
    """Kinds of output written for a program, `tool_call` or `json`, and whether it is well formed."""

    @property
    def in_flight(self) -> bool:
        """Whether the model has the whole request and the answer is not complete."""
        return self.request_ended_ns != 0 and self.outcome is Outcome.IN_FLIGHT


@dataclass(frozen=True, slots=True)
class ExchangeEvent:
    """Something became known about `exchange` at `at_ns`."""

    kind: EventKind
    exchange: Exchange
    at_ns: int
