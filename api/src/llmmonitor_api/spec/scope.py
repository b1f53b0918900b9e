"""For which requests an objective holds: `models` and `operations`. What they match, the sidecar decides.

Patterns here are no regular expressions: a model's name is full of dots, and `Llama-3.1` would match more
than it says. `*` stands for any text, and nothing else for anything but itself.
"""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field


class Operation(StrEnum):
    """What is asked of the model, in the words of OpenTelemetry's `gen_ai.operation.name`."""

    CHAT = "chat"
    TEXT_COMPLETION = "text_completion"
    EMBEDDINGS = "embeddings"


MODELS_LIMIT: Final = 8
ModelPattern = Annotated[str, Field(pattern=r'^[^\s",\\\x00-\x1f]+$', min_length=1, max_length=96)]
"""A model's name as clients ask for it, `*` standing for any text. Spaces, commas, quotes and backslashes,
which a label of a metric would make unreadable, are written as `*`."""
