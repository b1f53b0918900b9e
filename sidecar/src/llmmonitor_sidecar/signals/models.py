"""Which model names may become labels.

Clients choose the `model` field, and some servers echo whatever they were sent: unbounded, it would be a
label per typo or per attack. Names that the engine says it serves are always kept; without that knowledge the
first few are, that it did not refuse; everything else is `other`.
"""

from __future__ import annotations

OTHER = "other"
LIMIT = 16
LENGTH_LIMIT = 128


class ModelNames:
    """Admits model names, at most LIMIT beside those the engine serves."""

    def __init__(self) -> None:
        self._served: frozenset[str] = frozenset()
        self._admitted: set[str] = set()

    def serves(self, names: tuple[str, ...]) -> None:
        """The engine said what it serves: from now on only these, and what was admitted before."""
        self._served = frozenset(names[:LIMIT])

    def admit(self, name: str | None, *, refused: bool = False) -> str:
        """`name` as a label: itself, `other`, or empty when the exchange named none.

        One that comes with a request that the server `refused` takes no place: made-up names must not fill
        them before the real ones come.
        """
        if not name:
            return ""
        if name in self._served or name in self._admitted:
            return name
        if refused or self._served or len(self._admitted) >= LIMIT:
            return OTHER
        if len(name) > LENGTH_LIMIT or not name.isprintable():
            return OTHER
        self._admitted.add(name)
        return name
