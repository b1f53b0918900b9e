"""Counts what requests and answers look like, for drift: one pass over each exchange that was answered.

Failed and aborted exchanges are not counted: an outage is no drift. Token counts are taken where they are
exact; an approximation that came or went with a setting of the engine would look like drift. What is in the
text is counted once the detectors have looked at it: of those exchanges that there was CPU for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import takewhile

from llmmonitor_api.interactions import kinds
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_api.report.features import (
    CHARACTER_CLASSES,
    COMPANIONS,
    COMPLETION_TOKENS,
    FINISH_REASON,
    FINISH_REASONS,
    LANGUAGES,
    MEAN_LOGPROB,
    PARAMETERS,
    PROMPT_TOKENS,
    REFUSAL,
    REPETITION,
    STRATA_LIMIT,
    TEXT,
    TURNS,
    VOCABULARY,
    FeatureCounts,
    bucket_of,
    logprob_bucket,
    record,
    record_words,
    stratum_of,
)
from llmmonitor_sidecar.analyser.exchange import EventKind, Exchange, ExchangeEvent, Outcome
from llmmonitor_sidecar.detectors.finding import Heard, ends
from llmmonitor_sidecar.detectors.inspect import Inspection
from llmmonitor_sidecar.text_features.character_classes import character_classes
from llmmonitor_sidecar.text_features.languages import language
from llmmonitor_sidecar.text_features.vocabulary import Vocabulary
from llmmonitor_sidecar.text_features.words import CHARACTERS, words

_FOUND = {REFUSAL: kinds.REFUSALS.name, REPETITION: kinds.REPETITION.name}
"""Features that are whether detectors found something of a kind."""


class Features:
    """Adds exchanges to `counts`."""

    def __init__(self, counts: FeatureCounts) -> None:
        self._counts = counts
        self._wanted: frozenset[str] = TEXT
        self._vocabulary: Vocabulary | None = None
        self.vocabulary_key = ""
        """Which key words are put into buckets by; empty: none, and they are not counted."""

    def count_words_by(self, key_id: str, key: bytes) -> None:
        """Put words into buckets by this key from now on; an empty one ends it.

        Raises:
            ValueError: it is no key.
        """
        self._vocabulary = Vocabulary(key) if key else None
        self.vocabulary_key = key_id if key else ""

    def configure(self, features: Collection[str]) -> None:
        """Look for these in texts from now on; for all if none are named."""
        self._wanted = TEXT & frozenset(features) if features else TEXT

    def handle(self, event: ExchangeEvent) -> None:
        """Take note of an exchange that ended well."""
        exchange = event.exchange
        if event.kind is EventKind.ENDED and exchange.generates and exchange.outcome is Outcome.OK:
            self._answered(exchange)

    def looked_at(self, heard: Heard, inspection: Inspection) -> None:
        """Take note of what is in the text of an exchange that ended well."""
        if not heard.complete:
            return
        self._counts.texts += 1
        counts = self._counts.counts
        if not inspection.cut_short:
            found = {one.kind for one in inspection.findings}
            for feature in self._wanted & _FOUND.keys():
                record(counts, feature, int(_FOUND[feature] in found))
        self._said(_asked(heard), {one: one for one in COMPANIONS})
        if heard.answers:
            self._said(heard.answers[0], COMPANIONS)

    def _said(self, text: str, names: Mapping[str, str]) -> None:
        """Args: names: under which features are counted."""
        counts, wanted = self._counts.counts, self._wanted
        text = ends(text, CHARACTERS)
        found = words(text) if wanted & {LANGUAGES, VOCABULARY} else []
        if LANGUAGES in wanted:
            record(counts, names[LANGUAGES], language(text, found))
        if VOCABULARY in wanted and self._vocabulary is not None:
            record_words(self._counts, names[VOCABULARY], self._vocabulary.buckets(found))
        if CHARACTER_CLASSES in wanted:
            record(counts, names[CHARACTER_CLASSES], character_classes(text))

    def _answered(self, exchange: Exchange) -> None:
        self._counts.requests += 1
        counts = self._counts.counts
        if exchange.turns:
            record(counts, TURNS, bucket_of(exchange.turns))
        if exchange.parameters is not None:
            record(counts, PARAMETERS, exchange.parameters)
        if exchange.finish_reasons:
            record(counts, FINISH_REASON, FINISH_REASONS.index(exchange.finish_reasons[0]))
        if exchange.logprobs:
            record(counts, MEAN_LOGPROB, logprob_bucket(exchange.logprob_sum / exchange.logprobs))
        prompt = exchange.prompt_tokens if exchange.prompt_token_source.exact else None
        completion = exchange.completion_tokens if exchange.completion_token_source.exact else None
        if prompt is not None:
            record(counts, PROMPT_TOKENS, bucket_of(prompt))
        if completion is not None:
            record(counts, COMPLETION_TOKENS, bucket_of(completion))
        if prompt is not None and completion is not None:
            self._stratum(stratum_of(exchange.operation, prompt), bucket_of(completion))

    def _stratum(self, stratum: int, bucket: int) -> None:
        strata = self._counts.completions
        if stratum in strata or len(strata) < STRATA_LIMIT:
            buckets = strata.setdefault(stratum, {})
            buckets[bucket] = buckets.get(bucket, 0) + 1


def _asked(heard: Heard) -> str:
    """What users said since the last answer; what came before may have been heard by another replica."""
    since = takewhile(lambda one: one.origin is not Origin.ASSISTANT, reversed(heard.context))
    return "\n".join([one.text for one in since if one.origin is Origin.USER][::-1])
