"""A container, seen as one that may serve a model: which engine it looks like, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.commands import Commands, commands_of
from llmmonitor_operator.pods.engines import GENERIC, Facts, by_command, by_image, repository


class Strength(IntEnum):
    """What a container is recognised by, weakest first."""

    NOTHING = 0
    IMAGE_WITH_OTHER_COMMAND = 1
    """As an image of Ollama that only pulls a model."""
    IMAGE = 2
    """Left to its own entrypoint."""
    COMMAND = 3
    """It starts a model server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A container, and what it looks like."""

    container: Raw
    commands: Commands
    words: tuple[str, ...]
    """Where its options are looked for."""
    facts: Facts
    default_port: int | None
    because: str
    """Empty if it is not recognised."""
    strength: Strength

    @property
    def name(self) -> str:
        """The container's."""
        return str(self.container.get("name", ""))


def candidate(pod: Raw, container: Raw) -> Candidate:
    """What the container looks like."""
    commands = commands_of(container, pod)
    image = container.get("image", "")
    known = by_image(image)
    for words in commands.simple:
        started = by_command(words)
        if started is None:
            continue
        return Candidate(
            container=container,
            commands=commands,
            words=started.options,
            facts=started.facts,
            default_port=_default_port(started.facts, known),
            because=f"command {started.program}",
            strength=Strength.COMMAND,
        )
    other = Strength.IMAGE_WITH_OTHER_COMMAND if commands.has_program else Strength.IMAGE
    return Candidate(
        container=container,
        commands=commands,
        words=tuple(word for words in commands.simple for word in words),
        facts=known or GENERIC,
        default_port=_default_port(known, known),
        because=f"image {repository(image)}" if known else "",
        strength=other if known else Strength.NOTHING,
    )


def _default_port(facts: Facts | None, image: Facts | None) -> int | None:
    if facts is None:
        return None
    return facts.image_port if facts.image_port and facts is image else facts.port
