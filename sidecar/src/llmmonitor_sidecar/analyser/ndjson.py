"""Lines of JSON (NDJSON), incrementally, over any split of the bytes.

Used by Ollama's streams and by vLLM's demo server, whose older versions end a line with NUL.
"""

from __future__ import annotations

from llmmonitor_sidecar.analyser import limits


class NdjsonReader:
    """Bytes in, `(b"", line)` pairs out, as `SseReader` gives them.

    Lines that are too long are skipped and counted in `oversize_events`.
    """

    __slots__ = ("_line", "_skipping", "oversize_events")

    def __init__(self) -> None:
        self._line = bytearray()
        self._skipping = False
        self.oversize_events = 0

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Take what arrived and give the lines that are complete by it, without blank ones."""
        if b"\0" in data:
            data = data.replace(b"\0", b"\n")
        events: list[tuple[bytes, bytes]] = []
        first, *rest = data.split(b"\n")
        self._keep(first)
        for part in rest:
            line = bytes(self._line).strip()
            if self._skipping:
                self.oversize_events += 1
            elif line:
                events.append((b"", line))
            self._line.clear()
            self._skipping = False
            self._keep(part)
        return events

    def rest(self) -> list[tuple[bytes, bytes]]:
        """Give the last line, which nothing but the end of the stream ended."""
        return self.feed(b"\n")

    def _keep(self, part: bytes) -> None:
        if self._skipping:
            return
        if len(self._line) + len(part) > limits.EVENT_BYTES:
            self._skipping = True
            self._line.clear()
        else:
            self._line += part
