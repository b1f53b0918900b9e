"""A relay alone, for benchmarks and tests: `python -m llmmonitor_sidecar.relay --listen H:P --target H:P`.

The copies are read and thrown away by a second process, as an analyser that keeps up would; with
`--no-reader` nobody reads, as with an analyser that is stopped. Prints the port it listens on.
"""

import argparse
import os
import select
import signal
import sys
import time

from llmmonitor_sidecar.linux import die_with_parent
from llmmonitor_sidecar.relay.process import run_relay
from llmmonitor_sidecar.settings import Mode, Settings
from llmmonitor_sidecar.shared_page import SharedPage, Slot
from llmmonitor_sidecar.tee import TeeChannel, TeeReceiver, TeeSender

_READ_PAUSE_SECONDS = 0.01


def main() -> None:
    """Relay until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m llmmonitor_sidecar.relay", description=__doc__)
    parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="port 0: any free one")
    parser.add_argument("--target", required=True, metavar="HOST:PORT")
    parser.add_argument("--grace", type=float, default=1.0, metavar="SECONDS", help="after SIGTERM")
    parser.add_argument("--no-reader", action="store_true", help="leave the copies unread")
    arguments = parser.parse_args()
    listen_host, listen_port = _host_and_port(arguments.listen)
    target_host, target_port = _host_and_port(arguments.target)
    settings = Settings(
        mode=Mode.LISTEN,
        target_host=target_host,
        target_port=target_port,
        listen_host=listen_host,
        listen_port=listen_port,
        stop_grace_seconds=arguments.grace,
    )
    page, channel = SharedPage(), TeeChannel()
    page[Slot.ACCEPT_WANTED] = 1
    parent = os.getpid()
    if not arguments.no_reader and os.fork() == 0:
        _read_and_forget(channel, parent)
    if os.fork() == 0:
        _say_port(page, parent)
    run_relay(settings, page, TeeSender(channel))


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _read_and_forget(channel: TeeChannel, parent: int) -> None:
    die_with_parent(signal.SIGKILL, parent)
    receiver = TeeReceiver(channel)
    while True:
        select.select([receiver], [], [])
        time.sleep(_READ_PAUSE_SECONDS)
        while receiver.read():
            pass


def _say_port(page: SharedPage, parent: int) -> None:
    die_with_parent(signal.SIGKILL, parent)
    while not page[Slot.LISTENING]:
        time.sleep(_READ_PAUSE_SECONDS)
    sys.stdout.write(f"{page[Slot.LISTENING]}\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
