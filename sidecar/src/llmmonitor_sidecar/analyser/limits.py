"""Every bound on what the parser keeps or does for what a client or a server sent.

A monitor must not be the outage: with these, memory per connection has a ceiling that hostile input can reach
but not pass (measured by `tests/sidecar/test_parse_bounds_hostile_input.py`). Sizes are bytes unless the name
says otherwise.
"""

from __future__ import annotations

HEAD_BYTES = 65_536
"""Start line and headers (or trailers) of one message; more ends analysis of the connection."""
TARGET_BYTES = 8_192
"""Request target; more ends analysis of the connection."""
HEADER_VALUE_BYTES = 256
"""Kept of a header that is looked at."""
PROBE_MARK_BYTES = 1024
"""Of the one with a signature, which is longer than what others say."""
PIPELINED_REQUESTS = 64
"""Requests on one connection without an answer; more ends analysis of the connection."""

REQUEST_BODY_BYTES = 2 * 1024 * 1024
"""Kept of a request body, decoded; of a longer one head and tail are searched."""
ANSWER_BODY_BYTES = 1024 * 1024
"""Kept of an answer that is no stream, decoded; of a longer one head and tail are searched."""
SEARCHED_BYTES = 65_536
"""Head and tail, each, that are searched of a body too long to be kept."""
ERROR_BODY_BYTES = 65_536
"""Kept of an answer with an error status."""
LENIENT_JSON_BYTES = 262_144
"""A document that is not of the expected shape is decoded to plain objects only up to this size."""

OUTPUT_FORM_BYTES = 262_144
"""Kept of the JSON and of the tool calls' arguments that one answer holds."""

DECODED_BODY_BYTES = 64 * 1024 * 1024
"""Output of one content-encoding in all; more is taken for a bomb."""
DECODED_STEP_BYTES = 65_536
"""Output of a content-encoding at a time."""
ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
"""RFC 9659: a decoder for HTTP needs no more; frames that ask for more are refused."""

EVENT_BYTES = 1024 * 1024
"""One server-sent event or one line of NDJSON; a longer one is skipped and noted."""
EVENT_NAME_BYTES = 128
"""Kept of a server-sent event's name."""

CHOICES = 128
"""Choices of one exchange told apart; those beyond are counted as the last."""
NAME_CHARS = 256
"""Kept of a model's name or a fingerprint."""
TOKENS = 1_000_000_000
"""A count beyond this is not believed."""
