"""What counts as drift from the baseline, and how the baseline is learnt: `spec.drift`."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from llmmonitor_api.quantities import Duration
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.listmap import as_set, distinct
from llmmonitor_api.spec.model import Rule, SpecModel


class DriftFeature(StrEnum):
    """What of a request or an answer is compared with the baseline."""

    PROMPT_TOKENS = "PromptTokens"
    COMPLETION_TOKENS = "CompletionTokens"
    TURNS = "Turns"
    LANGUAGES = "Languages"
    CHARACTER_CLASSES = "CharacterClasses"
    PARAMETERS = "Parameters"
    FINISH_REASON = "FinishReason"
    REFUSAL = "Refusal"
    REPETITION = "Repetition"
    MEAN_LOGPROB = "MeanLogprob"
    VOCABULARY = "Vocabulary"


class Baseline(SpecModel):
    """How long the baseline is learnt."""

    min_duration: Annotated[Duration, within(timedelta(hours=1), timedelta(days=90))] = timedelta(days=7)
    """Scores are provisional until the baseline spans this long; from 1h to 90d."""


class Drift(SpecModel):
    """How requests and answers are compared with what they used to be."""

    baseline: Baseline = Baseline()
    """How the baseline is learnt."""
    window: Annotated[int, Field(ge=500, le=100_000, strict=True)] = 500
    """Requests per judged window; fewer than 500 say too little."""
    features: Annotated[tuple[DriftFeature, ...], Field(max_length=11), as_set()] = ()
    """The features compared; all of them when empty."""

    rules: ClassVar[tuple[Rule, ...]] = (distinct("features"),)

    @property
    def effective_features(self) -> tuple[DriftFeature, ...]:
        """The features that are compared."""
        return self.features or tuple(DriftFeature)
