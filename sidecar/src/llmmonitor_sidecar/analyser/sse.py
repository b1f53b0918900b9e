"""Server-sent events, incrementally, over any split of the bytes.

Follows the WHATWG HTML standard, section 9.2.6 (Interpreting an event stream): lines end by CR, LF or CRLF, a
byte order mark is dropped, comments and unknown fields are ignored, `data` lines are joined by LF, an event
without data and one that the end of the stream cut are not delivered. Bytes stay bytes: UTF-8 never contains
the bytes of CR, LF or a colon inside a character, so splits inside characters need no care.

Common producers write exactly `data: ...LF LF`, some with one `event: ...LF` before it; whole events of that
form take a short way that never copies more than the payload. `id` and `retry` concern reconnection and are
ignored.
"""

from __future__ import annotations

from llmmonitor_sidecar.analyser import limits

_BOM = b"\xef\xbb\xbf"
_LF, _CR = b"\n\r"
_EMPTY_BYTES = len(b"data: \n\n")


class SseReader:
    """Bytes in, `(name, data)` pairs out; `oversize_events` counts those skipped for their length."""

    __slots__ = (
        "_at_start",
        "_data",
        "_data_size",
        "_event_oversize",
        "_line",
        "_name",
        "_skip_lf",
        "oversize_events",
    )

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._data_size = 0
        self._name = b""
        self._skip_lf = False
        self._at_start = True
        self._event_oversize = False
        self.oversize_events = 0

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """Take what arrived and give the events that are complete by it."""
        size = len(data)
        if (
            data[-2:] == b"\n\n"
            and size <= limits.EVENT_BYTES
            and not (self._line or self._data or self._skip_lf or self._name or self._event_oversize)
            and b"\r" not in data
        ):
            if data[:6] == b"data: ":
                if size > _EMPTY_BYTES and data.find(b"\n") == size - 2:
                    self._at_start = False
                    return [(b"", data[6:-2])]
            elif data[:7] == b"event: ":
                end = data.find(b"\n")
                named = size > end + 1 + _EMPTY_BYTES and data[end + 1 : end + 7] == b"data: "
                if named and data.find(b"\n", end + 1) == size - 2:
                    self._at_start = False
                    return [(data[7:end][: limits.EVENT_NAME_BYTES], data[end + 7 : -2])]
        return self._feed_lines(data)

    def _feed_lines(self, data: bytes) -> list[tuple[bytes, bytes]]:
        events: list[tuple[bytes, bytes]] = []
        if self._skip_lf and data:
            self._skip_lf = False
            if data[0] == _LF:
                data = data[1:]
        start = 0
        plain = b"\r" not in data
        end = len(data)
        while start < end:
            stop = data.find(b"\n", start)
            if not plain:
                cr = data.find(b"\r", start, stop if stop >= 0 else end)
                stop = cr if cr >= 0 else stop
            if stop < 0:
                self._keep(data[start:])
                break
            if self._line:
                self._keep(data[start:stop])
                line = bytes(self._line)
                self._line.clear()
            else:
                line = data[start:stop]
            start = stop + 1
            if data[stop] == _CR:
                if start == end:
                    self._skip_lf = True
                elif data[start] == _LF:
                    start += 1
            self._take_line(line, events)
        return events

    def _keep(self, part: bytes) -> None:
        room = limits.EVENT_BYTES + _FIELD_BYTES - len(self._line)
        if len(part) > room and self._line.startswith(b"data:"):
            self._event_oversize = True
        self._line += part[:room]

    def _take_line(self, line: bytes, events: list[tuple[bytes, bytes]]) -> None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(events)
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            value = value.removeprefix(b" ")
            self._data_size += len(value) + 1
            if self._data_size > limits.EVENT_BYTES:
                self._event_oversize = True
                self._data.clear()
            if self._event_oversize:
                return
            self._data.append(value)
        elif field == b"event":
            self._name = value.removeprefix(b" ")[: limits.EVENT_NAME_BYTES]

    def _dispatch(self, events: list[tuple[bytes, bytes]]) -> None:
        if self._event_oversize:
            self.oversize_events += 1
            self._event_oversize = False
        elif self._data:
            payload = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            if payload:
                events.append((self._name, payload))
        self._data.clear()
        self._data_size = 0
        self._name = b""


_FIELD_BYTES = 16
"""Room for a field's name beside the longest value, so that the bound is on the value for every split."""
