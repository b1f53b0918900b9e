"""Which exchanges an objective is of: by operation, and by the model that was asked for.

The model is the one that the request names; where it names none, the one that the answer does, as soon as it
does. Without operations an objective is of all that generate. Names are the clients' words: what was decided
of a name is remembered, of a bounded number of names of bounded length.
"""

from __future__ import annotations

from llmmonitor_api.configuration import ObjectiveSetting
from llmmonitor_sidecar.analyser.exchange import Exchange

ANY = "*"
NAME_LIMIT = 1024
"""Characters; no longer name is asked for in earnest."""
_REMEMBERED_LIMIT = 256


def matches(pattern: str, name: str) -> bool:
    """Whether `name` is `pattern` with any text in the place of each `*`; in linear passes, never back."""
    first, *others = pattern.split(ANY)
    if not others:
        return name == pattern
    *middle, last = others
    if not name.startswith(first) or len(name) < len(first) + len(last) or not name.endswith(last):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:  # the leftmost place leaves the most room for the rest
        at = name.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


class Scope:
    """Admits the exchanges of one objective."""

    def __init__(self, setting: ObjectiveSetting) -> None:
        self._models = setting.models
        self._operations = frozenset(setting.operations)
        self._known: dict[str, bool] = {}
        self.everything = not (setting.models or setting.operations)
        """Whether it is of all generating exchanges."""
        self.beyond_generating = bool(self._operations)
        """Whether exchanges that generate nothing may be among them."""

    def admits(self, exchange: Exchange) -> bool:
        """Whether the objective is of this one, by what is known of it now."""
        if self._operations:
            if exchange.operation not in self._operations:
                return False
        elif not exchange.generates:
            return False
        return not self._models or self._names(exchange.request_model or exchange.response_model or "")

    def _names(self, model: str) -> bool:
        known = self._known.get(model)
        if known is None:
            if len(model) > NAME_LIMIT:
                return False
            if len(self._known) >= _REMEMBERED_LIMIT:
                self._known.clear()
            known = self._known[model] = bool(model) and any(matches(one, model) for one in self._models)
        return known
