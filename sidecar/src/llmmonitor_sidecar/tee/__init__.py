"""The tee: copies of the relayed bytes, from the relay to the analyser, never waited for.

A ring in shared memory (`ring`), written by the relay (`sender`), read by the analyser (`receiver`). The
supervisor makes the `TeeChannel` before it forks and keeps it; each child builds its own end after the
fork, and either may be killed at any instruction: what was not yet published is not there, what was not
yet consumed is read by the next one. The decision and its figures: docs/design/tee-channel.md.

What a receiver can rely on, per connection: at most one OPEN, then DATA and EOF in order, at most one
LOST, after which no DATA or EOF follows, then one CLOSE. A connection it never saw OPEN begins with LOST.
"""

from llmmonitor_sidecar.tee.receiver import TeeReceiver
from llmmonitor_sidecar.tee.record import (
    REQUEST,
    RESPONSE,
    CloseReason,
    ConnectionAddresses,
    Kind,
    TeeRecord,
    decode_addresses,
    encode_addresses,
)
from llmmonitor_sidecar.tee.ring import DEFAULT_CAPACITY_BYTES, TeeChannel
from llmmonitor_sidecar.tee.sender import TeeSender

__all__ = [
    "DEFAULT_CAPACITY_BYTES",
    "REQUEST",
    "RESPONSE",
    "CloseReason",
    "ConnectionAddresses",
    "Kind",
    "TeeChannel",
    "TeeReceiver",
    "TeeRecord",
    "TeeSender",
    "decode_addresses",
    "encode_addresses",
]
