"""Exchanges of a chat server as bytes on a wire, read as a sidecar reads them, and what came of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

from llmmonitor_api.configuration import Configuration, InteractionsSetting
from llmmonitor_api.report.interactions import InteractionCounts, KindCounts
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.tee import CloseReason, Kind, TeeRecord, encode_addresses

_REQUEST = b"POST %s HTTP/1.1\r\nHost: m\r\n%sContent-Length: %d\r\n\r\n%s"
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"


class Chat:
    """A sidecar's reader and its clients; a millisecond passes with every exchange."""

    def __init__(self, setting: InteractionsSetting | None = None) -> None:
        self.reader = TrafficReader()
        self._numbers = itertools.count(1)
        self.now_ns = 10**12
        if setting is not None:
            self.reader.configure(Configuration(interactions=setting))

    def exchange(  # noqa: PLR0913 - what an exchange is made of
        self,
        request: dict[str, Any],
        answer: bytes,
        *,
        path: bytes = b"/v1/chat/completions",
        kind: bytes = b"application/json",
        client: str = "10.0.0.7",
        headers: bytes = b"",
    ) -> None:
        """One connection with one exchange."""
        number = next(self._numbers)
        body = json.dumps(request).encode()
        self.now_ns += 1_000_000
        opened = encode_addresses(client, 4000, "10.0.0.1", 8000)
        records = (
            (Kind.OPEN, 0, opened),
            (Kind.DATA, 0, _REQUEST % (path, headers, len(body), body)),
            (Kind.DATA, 1, _ANSWER % (kind, len(answer), answer)),
            (Kind.CLOSE, 0, CloseReason.EOF),
        )
        self.reader.take(TeeRecord(one, number, side, self.now_ns, data) for one, side, data in records)

    def say(
        self,
        messages: Sequence[tuple[str, str]] | str,
        answer: str = "Fine.",
        *,
        finish: str = "stop",
        client: str = "10.0.0.7",
        **fields: Any,
    ) -> None:
        """One turn; a text alone is what the user says."""
        turns = [("user", messages)] if isinstance(messages, str) else messages
        request = {"messages": [{"role": role, "content": text} for role, text in turns], **fields}
        choice = {"index": 0, "message": {"content": answer}, "finish_reason": finish}
        self.exchange(request, json.dumps({"choices": [choice]}).encode(), client=client)

    def stream(self, text: str, pieces: Sequence[str]) -> None:
        """One turn answered in pieces."""
        chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        spelled = [json.dumps(one, separators=(",", ":")) for one in chunks]
        events = "".join(f"data: {one}\n\n" for one in [*spelled, "[DONE]"]).encode()
        request = {"stream": True, "messages": [{"role": "user", "content": text}]}
        self.exchange(request, events, kind=b"text/event-stream")

    @property
    def counts(self) -> InteractionCounts:
        """After all that was said was looked at."""
        while self.reader.inspect():
            pass
        return self.reader.totals.interactions

    def kind(self, name: str) -> KindCounts:
        """The counts of one kind."""
        return self.counts.kinds[name]

    def flagged(self) -> set[str]:
        """Kinds that were found."""
        return {name for name, one in self.counts.kinds.items() if one.flagged}

    def origins(self, kind: str) -> set[str]:
        """Whose text it was found in."""
        keys = [json.loads(key) for key in self.counts.findings]
        return {origin for name, _, _, origin in keys if name == kind}
