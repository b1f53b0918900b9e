"""A relay whose copies go through the analyser's parser and end up as one line per exchange in a file.

The same relay and the same parser as in the sidecar, but what they measured is kept exchange by exchange, so
that it can be held against the load program's own stamps; the sidecar itself keeps histograms only.
"""

import argparse
import os
import select
import signal
import sys
import time
from pathlib import Path

import msgspec
from bench.peers.running import Place, Running, free_port, launch

from llmmonitor_sidecar import linux
from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange
from llmmonitor_sidecar.relay.process import run_relay
from llmmonitor_sidecar.settings import Mode, Settings
from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.tee import Kind, TeeChannel, TeeReceiver, TeeRecord, TeeSender, decode_addresses

_READ_PAUSE_SECONDS = 0.01


class Recorded(msgspec.Struct, frozen=True):
    """What the parser knows of one exchange; `client_port` and `number` say which it was."""

    client_port: int
    number: int
    request_ended_ns: int
    first_token_ns: int
    last_token_ns: int
    gaps_ns: list[int]
    completion_tokens: int
    token_source: str


class RecordingRelay(Running):
    """A started recorder; `file` grows by a line whenever an exchange has ended."""

    file: Path

    def recorded(self) -> list[Recorded]:
        """Everything recorded so far."""
        lines = self.file.read_bytes().splitlines()
        return [msgspec.json.decode(line, type=Recorded) for line in lines]


def start(place: Place) -> RecordingRelay:
    """Start it."""
    port = free_port()
    file = place.directory / "exchanges.jsonl"
    command = [sys.executable, "-m", "bench.peers.recorder", str(port), str(place.model_port), str(file)]
    running = launch("recorder", command, port, place, kind=RecordingRelay)
    assert isinstance(running, RecordingRelay)  # noqa: S101 - launch makes the kind it is told
    running.file = file
    return running


class Recorder:
    """Feeds tee records to one parser per connection and writes ended exchanges."""

    def __init__(self, file: Path) -> None:
        self._sink = file.open("ab", buffering=0)
        self._connections: dict[int, tuple[int, ConnectionAnalyser]] = {}

    def take(self, record: TeeRecord) -> None:
        """Handle one record."""
        if record.kind == Kind.OPEN:
            port = decode_addresses(record.payload).client_port
            self._connections[record.connection] = port, ConnectionAnalyser(record.connection)
            return
        port, analyser = self._connections[record.connection]
        if record.kind == Kind.DATA:
            events = analyser.feed(record.direction, record.at_ns, record.payload)
        elif record.kind == Kind.EOF:
            events = analyser.eof(record.direction, record.at_ns)
        elif record.kind == Kind.CLOSE:
            events = analyser.close(record.payload.decode(), record.at_ns)
            del self._connections[record.connection]
        else:
            events = analyser.lost(record.at_ns)
        for event in events:
            if event.kind is EventKind.ENDED:
                self._sink.write(msgspec.json.encode(_recorded(port, event.exchange)) + b"\n")


def _recorded(port: int, exchange: Exchange) -> Recorded:
    return Recorded(
        port,
        exchange.number,
        exchange.request_ended_ns,
        exchange.first_token_ns,
        exchange.last_token_ns,
        exchange.gaps_ns,
        exchange.completion_tokens,
        str(exchange.completion_token_source),
    )


def _record(channel: TeeChannel, file: Path, parent: int) -> None:
    linux.die_with_parent(signal.SIGKILL, parent)
    os.nice(10)  # as the sidecar's analyser
    receiver, recorder = TeeReceiver(channel), Recorder(file)
    while True:
        select.select([receiver], [], [])
        time.sleep(_READ_PAUSE_SECONDS)
        while records := receiver.read():
            for record in records:
                recorder.take(record)


def main() -> None:
    """Relay and record until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("model_port", type=int)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    options.file.touch()
    settings = Settings(
        mode=Mode.LISTEN, target_port=options.model_port, listen_port=options.port, stop_grace_seconds=0.5
    )
    page, channel = SharedPage(), TeeChannel()
    page[Slot.ACCEPT_WANTED] = 1
    parent = os.getpid()
    if os.fork() == 0:
        _record(channel, options.file, parent)
    run_relay(settings, page, TeeSender(channel))


if __name__ == "__main__":
    main()
