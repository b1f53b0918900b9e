"""What the engines count themselves within the window, and how that compares to the wire."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from llmmonitor_api.spec.listmap import by_name
from llmmonitor_api.spec.names import ItemName
from llmmonitor_api.status.model import Amount, Count, Number, Ratio, Sentence, StatusModel


class CrossCheckVerdict(StrEnum):
    """Whether engine and wire say the same."""

    AGREES = "Agrees"
    DIFFERS = "Differs"
    CANNOT_COMPARE = "CannotCompare"


class CrossCheckStatus(StatusModel):
    """One thing that both the engines and the sidecars count."""

    name: ItemName
    """What is counted: requests, prompt-tokens, completion-tokens or time-to-first-token."""
    verdict: CrossCheckVerdict
    """Whether they say the same within the tolerance."""
    engine: Amount | None = None
    """What the engines say; of times the mean in seconds."""
    wire: Amount | None = None
    """What was seen on the wire, of the same stretches of time."""
    requests: Count = 0
    """How many requests it is judged by."""
    tolerance: Ratio | None = None
    """The share by which they may differ."""
    message: Sentence = ""
    """The difference and what it means, or why there is none to tell."""


class EngineCountsStatus(StatusModel):
    """What the engines count, summed over the pods; a restart of an engine loses nothing."""

    restarts: Count = 0
    """Engines that began anew within the window."""
    prompt_tokens: Count | None = None
    """Prompt tokens, cached ones too."""
    completion_tokens: Count | None = None
    """Generated tokens."""
    requests: Count | None = None
    """Requests that they finished."""
    preemptions: Count | None = None
    """Requests put back for want of cache."""
    time_to_first_token_mean_seconds: Number | None = None
    """By the engines' own clocks, which begin when a request reaches them."""
    time_per_output_token_mean_seconds: Number | None = None
    """The mean time between tokens by the engines' own clocks."""
    not_read: Sentence | None = None
    """Why the figures of an engine cannot be read now; absent while they can."""
    cross_checks: Annotated[tuple[CrossCheckStatus, ...], Field(max_length=4), by_name("name")] = ()
    """Their counts against those of the wire."""
