"""What answers call the system that made them, once it is sure.

A proxy to several systems answers with now this and now that one's `system_fingerprint`: that is no change of
the model. So the first one is believed at once, and another only when it stood in CHANGED_AFTER answers in a
row.
"""

from __future__ import annotations

from llmmonitor_sidecar.analyser.exchange import EventKind, ExchangeEvent

CHANGED_AFTER = 20
LENGTH_LIMIT = 256


class SystemFingerprint:
    """The one that is believed: `current`, empty before the first."""

    def __init__(self) -> None:
        self.current = ""
        self._other = ""
        self._in_a_row = 0

    def handle(self, event: ExchangeEvent) -> None:
        """Take note of what an answer that has ended said."""
        said = event.exchange.system_fingerprint
        if event.kind is not EventKind.ENDED or not said or len(said) > LENGTH_LIMIT:
            return
        if not self.current:
            self.current = said
        if said == self.current:
            self._in_a_row = 0
            return
        self._in_a_row = self._in_a_row + 1 if said == self._other else 1
        self._other = said
        if self._in_a_row >= CHANGED_AFTER:
            self.current, self._in_a_row = said, 0
