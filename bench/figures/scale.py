"""How long and how often the figures measure: the whole bench in minutes, or a smoke run in seconds."""

import msgspec


class Scale(msgspec.Struct, frozen=True):
    """Rounds per figure (twice that for latencies), and a factor on durations and numbers of streams."""

    rounds: int
    factor: float

    def seconds(self, value: float) -> float:
        """A duration of the whole bench, at this scale."""
        return value * self.factor

    def count(self, value: int) -> int:
        """A number of streams of the whole bench, at this scale; at least 4."""
        return max(4, int(value * self.factor))


WHOLE = Scale(7, 1.0)
SMOKE = Scale(1, 0.15)
