"""What `llm-monitor` starts: the commands, once they are loaded.

Loading them takes a second or more on a busy machine. Ctrl-C within it must end the program and print no
traceback; from then on each command unwinds what it has begun (`main._run`).
"""

from __future__ import annotations

import signal


def main() -> None:
    """The console script."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from llmmonitor_cli.main import main as commands  # noqa: PLC0415 - loaded under the line above

    commands()
