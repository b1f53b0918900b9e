"""The table of signals: what an objective can be about.

A signal's row says whether single requests or slices of time are good or bad, the threshold's unit, and what
a bad one is, for people. What makes an event bad, the sidecar decides where events happen.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ObjectiveSignal(StrEnum):
    """What an objective speaks of."""

    TIME_TO_FIRST_TOKEN = "TimeToFirstToken"  # noqa: S105  # tokens of text
    TIME_PER_OUTPUT_TOKEN = "TimePerOutputToken"  # noqa: S105  # tokens of text
    REQUEST_DURATION = "RequestDuration"
    ERROR_RATE = "ErrorRate"
    TRUNCATION_RATE = "TruncationRate"
    ABORT_RATE = "AbortRate"
    TIME_TO_FIRST_CONTENT = "TimeToFirstContent"
    CHUNK_GAP = "ChunkGap"
    REQUEST_THROUGHPUT = "RequestThroughput"
    OVERLOAD_RATE = "OverloadRate"
    TIMEOUT_RATE = "TimeoutRate"
    EMPTY_ANSWER_RATE = "EmptyAnswerRate"
    MALFORMED_ANSWER_RATE = "MalformedAnswerRate"
    QUEUE_DEPTH = "QueueDepth"
    KV_CACHE_USE = "KVCacheUse"
    AVAILABILITY = "Availability"
    THROUGHPUT = "Throughput"


class EventKind(StrEnum):
    """What is counted as good or bad."""

    REQUEST = "request"
    TIME_SLICE = "time slice"


class ThresholdUnit(StrEnum):
    """What a threshold is a number of, and so how it is written."""

    SECONDS = "seconds"
    RATIO = "ratio"
    REQUESTS = "requests"
    TOKENS_PER_SECOND = "tokens per second"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """One row of the signal table.

    Attributes:
        counts: requests, or slices of time as long as the resource interval.
        unit: the threshold's unit; NONE where a threshold is forbidden.
        bad_event: what a bad event is, for a person.
    """

    counts: EventKind
    unit: ThresholdUnit
    bad_event: str

    @property
    def needs_threshold(self) -> bool:
        """A threshold is required with a unit and forbidden without."""
        return self.unit is not ThresholdUnit.NONE


_REQUEST, _SLICE = EventKind.REQUEST, EventKind.TIME_SLICE
SIGNALS: Final[dict[ObjectiveSignal, SignalFacts]] = {
    ObjectiveSignal.TIME_TO_FIRST_TOKEN: SignalFacts(
        _REQUEST,
        ThresholdUnit.SECONDS,
        "a streamed request without its first token when the threshold has passed",
    ),
    ObjectiveSignal.TIME_PER_OUTPUT_TOKEN: SignalFacts(
        _REQUEST, ThresholdUnit.SECONDS, "a request whose tokens come slower, on its mean"
    ),
    ObjectiveSignal.REQUEST_DURATION: SignalFacts(
        _REQUEST, ThresholdUnit.SECONDS, "a request not finished when the threshold has passed"
    ),
    ObjectiveSignal.ERROR_RATE: SignalFacts(
        _REQUEST, ThresholdUnit.NONE, "a request that failed by the server's fault"
    ),
    ObjectiveSignal.TRUNCATION_RATE: SignalFacts(
        _REQUEST, ThresholdUnit.NONE, "an answer cut at a length limit"
    ),
    ObjectiveSignal.ABORT_RATE: SignalFacts(
        _REQUEST, ThresholdUnit.NONE, "a request that its client gave up"
    ),
    ObjectiveSignal.TIME_TO_FIRST_CONTENT: SignalFacts(
        _REQUEST,
        ThresholdUnit.SECONDS,
        "a streamed request without visible text when the threshold has passed; reasoning is none, and a tool"
        " that is called makes up for it",
    ),
    ObjectiveSignal.CHUNK_GAP: SignalFacts(
        _REQUEST,
        ThresholdUnit.SECONDS,
        "a streamed request with a longer time between two chunks, counted while it waits",
    ),
    ObjectiveSignal.REQUEST_THROUGHPUT: SignalFacts(
        _REQUEST,
        ThresholdUnit.TOKENS_PER_SECOND,
        "a request with fewer tokens for each second from its last byte to the end of the answer",
    ),
    ObjectiveSignal.OVERLOAD_RATE: SignalFacts(
        _REQUEST, ThresholdUnit.NONE, "a request that the server refused for load"
    ),
    ObjectiveSignal.TIMEOUT_RATE: SignalFacts(
        _REQUEST, ThresholdUnit.NONE, "a request that the server's time-out ended"
    ),
    ObjectiveSignal.EMPTY_ANSWER_RATE: SignalFacts(
        _REQUEST, ThresholdUnit.NONE, "a successful answer without any output"
    ),
    ObjectiveSignal.MALFORMED_ANSWER_RATE: SignalFacts(
        _REQUEST,
        ThresholdUnit.NONE,
        "an answer with a tool call, or with JSON that was asked for, that no program can read",
    ),
    ObjectiveSignal.QUEUE_DEPTH: SignalFacts(
        _SLICE, ThresholdUnit.REQUESTS, "a time in which more requests waited in the engine"
    ),
    ObjectiveSignal.KV_CACHE_USE: SignalFacts(
        _SLICE, ThresholdUnit.RATIO, "a time in which more of the KV cache was in use"
    ),
    ObjectiveSignal.AVAILABILITY: SignalFacts(
        _SLICE, ThresholdUnit.NONE, "a time in which the model did not answer"
    ),
    ObjectiveSignal.THROUGHPUT: SignalFacts(
        _SLICE,
        ThresholdUnit.TOKENS_PER_SECOND,
        "a time with requests in flight in which fewer tokens came",
    ),
}
