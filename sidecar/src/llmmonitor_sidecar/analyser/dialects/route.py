"""What a dialect tells of one of its routes, and how its answers are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llmmonitor_sidecar.analyser.exchange import Exchange, Outcome
from llmmonitor_sidecar.analyser.outcomes import outcome_of_stream_error
from llmmonitor_sidecar.analyser.progress import Progress


class Answer:
    """Reads one successful answer into its exchange; a dialect overrides what it can read.

    Attributes:
        progress: where output is told.
        complete: whether a stream said itself that it is complete.
        error: what a stream said went wrong, if it did.
    """

    __slots__ = ("complete", "error", "progress")

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.complete = False
        self.error: tuple[Outcome, str] | None = None

    def event(self, name: bytes, data: bytes, at_ns: int) -> None:
        """Take one event of a stream.

        Raises:
            NotJson: the rest can't be relied on.
        """

    def body(self, data: bytes) -> None:
        """Take a whole answer that is no stream.

        Raises:
            NotJson: it can't be read.
        """

    def usage(self, data: bytes) -> None:
        """Take the `usage` object found in an answer that was too long to be kept.

        Raises:
            NotJson: it can't be read.
        """

    def fail(self, error: Any, error_type: Any = None, code: Any = None) -> None:
        """Note an error object found in a stream, or in an answer with a status of success."""
        self.error = self.error or outcome_of_stream_error(error, error_type, code)


@dataclass(frozen=True, slots=True)
class Route:
    """One route of one dialect."""

    label: str
    """What `Exchange.path` says, from a bounded set."""
    dialect: str
    operation: str = "other"
    generates: bool = False
    request: Callable[[Exchange, bytes], None] | None = None
    """Reads a request's whole body; may raise NotJson."""
    answer: Callable[[Progress], Answer] | None = None
    """Makes the reader of a successful answer; None: HTTP figures only."""
    refine: Callable[[bytes], Route] | None = None
    """Chooses the route by the request's body where several servers share a path."""
    streams_lines: bool = False
    """Streams are lines of JSON, whatever their content type says."""

    @property
    def reads_request(self) -> bool:
        """Whether the request's body is looked at."""
        return self.request is not None or self.refine is not None
