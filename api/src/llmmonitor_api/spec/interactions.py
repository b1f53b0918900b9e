"""How many problematic interactions are too many: `spec.interactions`.

Everything is counted without being asked for; a limit turns a count into a verdict.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from llmmonitor_api.quantities import Duration, Percentage
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.listmap import by_name, unique
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import ItemName
from llmmonitor_api.spec.patterns import SearchPattern


class InteractionLimit(SpecModel):
    """What is allowed of one kind of finding; each limit that is given must hold."""

    max: Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)] | None = None
    """Findings per window; 0 counts verified findings and clears after spec.interactions.clearAfter."""
    max_rate: Percentage | None = None
    """Flagged exchanges, as a share of all; judged by its lower 95 % bound."""
    max_per_client: Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)] | None = None
    """Findings of any one client per window: a share alone hides an attack in a crowd."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="",
            reads=("max", "max_rate", "max_per_client"),
            message="a limit needs at least one of max, maxRate and maxPerClient; without, leave it out",
            holds=lambda one: not (one.max is None and one.max_rate is None and one.max_per_client is None),
            cel="has(self.max) || has(self.maxRate) || has(self.maxPerClient)",
        ),
    )


class FloodLimit(SpecModel):
    """How many requests one client may send."""

    max_per_client: Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)]
    """Requests of any one client per window."""


class Side(StrEnum):
    """Where a pattern is looked for."""

    INPUT = "Input"
    OUTPUT = "Output"
    BOTH = "Both"


class OwnPattern(InteractionLimit):
    """A regular expression of the owner's, and what is allowed of it."""

    name: ItemName
    """Unique within the monitor; stands in metrics and messages."""
    pattern: SearchPattern
    """RE2 syntax, at most 512 characters."""
    side: Side = Side.BOTH
    """Whether requests, answers or both are searched."""


class Interactions(SpecModel):
    """Limits on problematic interactions; what has no limit is counted and not judged."""

    prompt_injection: InteractionLimit | None = None
    """Attempts to override the model's instructions."""
    jailbreak: InteractionLimit | None = None
    """Attempts to talk the model out of its rules."""
    prompt_extraction: InteractionLimit | None = None
    """Attempts to extract the system prompt, and answers that leak it."""
    pii_exposed: InteractionLimit | None = None
    """Personal data in answers that was not in their request."""
    secrets_exposed: InteractionLimit | None = None
    """Keys and passwords in answers."""
    refusals: InteractionLimit | None = None
    """Answers that refuse."""
    toxicity: InteractionLimit | None = None
    """Toxic answers."""
    repetition: InteractionLimit | None = None
    """Answers that repeat themselves in a loop."""
    empty_answers: InteractionLimit | None = None
    """Answers without content."""
    many_shot: InteractionLimit | None = None
    """Requests that carry long runs of invented dialogue."""
    encoded_content: InteractionLimit | None = None
    """Requests that hide text by encoding, look-alike or invisible characters."""
    flood: FloodLimit | None = None
    """Requests of one client."""
    patterns: Annotated[tuple[OwnPattern, ...], Field(max_length=20), by_name("name")] = ()
    """The owner's own patterns; at most 20."""
    window: Annotated[Duration, within(timedelta(minutes=5), timedelta(days=7))] = timedelta(hours=1)
    """The time that counts and rates are for; from 5m to 7d."""
    clear_after: Annotated[Duration, within(timedelta(minutes=1), timedelta(days=30))] = timedelta(hours=24)
    """A limit that was exceeded clears after this long without; from 1m to 30d."""

    rules: ClassVar[tuple[Rule, ...]] = (unique("patterns", "name"),)

    @property
    def limits(self) -> dict[str, InteractionLimit | FloodLimit]:
        """The limits that are given, by the field's name; empty means NotConfigured (but see `patterns`)."""
        given = {name: getattr(self, name) for name in _KINDS}
        return {name: limit for name, limit in given.items() if limit is not None}


_KINDS: Final = tuple(
    name for name in Interactions.model_fields if name not in {"patterns", "window", "clear_after"}
)
