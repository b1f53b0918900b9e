"""What is found in texts is of a sample where CPU is short, and words are several to a request."""

from __future__ import annotations

import random

import msgspec
import pytest
from tests.operator.drift.traffic import BEGIN, HOUR

from llmmonitor_api.report.features import (
    ANSWER_LANGUAGES,
    LANGUAGES,
    MEAN_LOGPROB,
    PROMPT_TOKENS,
    REFUSAL,
    VOCABULARY,
    FeatureCounts,
    record,
    record_words,
)
from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.drift.judge import LEAST_TEXTS, learn, scores
from llmmonitor_operator.drift.watch import DriftSettings, Watch, stepped, suspects_model
from llmmonitor_operator.drift.window import Window, joined

SETTINGS = DriftSettings(
    min_seconds=40 * HOUR,
    features=(PROMPT_TOKENS, LANGUAGES, REFUSAL, MEAN_LOGPROB, VOCABULARY),
    vocabulary_key="key-1",
)
WORDS = 12


class Chat:
    """A monitor's windows, an hour each; of a share of the texts it is known what is in them."""

    def __init__(self) -> None:
        self.draw = random.Random(1)
        self.looked_at, self.italian, self.answers_italian, self.jargon = 1.0, 0.02, 0.02, 0.0
        self.watch, self.baseline, self.now = Watch(), Baseline(), BEGIN

    def counts(self) -> FeatureCounts:
        draw, found = self.draw, FeatureCounts(requests=500)
        for _ in range(500):
            record(found.counts, PROMPT_TOKENS, draw.randrange(6, 12))
            if draw.random() >= self.looked_at:
                continue
            found.texts += 1
            record(found.counts, LANGUAGES, int(draw.random() < self.italian))
            record(found.counts, ANSWER_LANGUAGES, int(draw.random() < self.answers_italian))
            record(found.counts, REFUSAL, int(draw.random() < 0.05))
            topic = 32 if draw.random() < self.jargon else 0
            record_words(found, VOCABULARY, [topic + draw.randrange(32) for _ in range(WORDS)])
        return found

    def let(self, windows: int, settings: DriftSettings = SETTINGS) -> Watch:
        for _ in range(windows):
            window = joined(self.watch.open, self.counts(), self.now, self.now + HOUR)
            self.now += HOUR
            self.watch, self.baseline = stepped(
                msgspec.structs.replace(self.watch, open=window), self.baseline, settings
            )
            if self.baseline.learning_due(settings.min_seconds):
                known = learn(self.baseline, settings.judged)
                self.baseline = msgspec.structs.replace(self.baseline, learnt=known)
        return self.watch


@pytest.fixture(scope="module")
def learnt() -> Chat:
    chat = Chat()
    chat.let(42)
    return chat


@pytest.fixture
def chat(learnt: Chat) -> Chat:
    """After its baseline was learnt."""
    one = Chat()
    one.watch, one.baseline, one.now = learnt.watch, learnt.baseline, learnt.now
    return one


def test_nothing_is_found_where_nothing_changes(chat: Chat) -> None:
    watch = chat.let(6)

    assert watch.judging
    assert watch.tracks.keys() >= {PROMPT_TOKENS, LANGUAGES, ANSWER_LANGUAGES, REFUSAL, VOCABULARY}
    assert watch.alarms == ()


def test_other_languages_and_other_words_are_found(chat: Chat) -> None:
    chat.italian, chat.jargon = 0.2, 0.2

    watch = chat.let(2)

    assert {LANGUAGES, VOCABULARY} <= {*watch.alarms}
    assert ANSWER_LANGUAGES not in watch.alarms


def test_answers_in_another_language_are_output_and_no_proof_against_the_model(chat: Chat) -> None:
    chat.answers_italian = 0.3

    watch = chat.let(2)

    assert watch.alarms == (ANSWER_LANGUAGES,)
    assert not suspects_model(watch)  # answers' lengths given the input did not move


def test_n_is_of_the_texts_that_were_looked_at(chat: Chat) -> None:
    chat.looked_at = 0.4

    watch = chat.let(1)

    assert (watch.window_requests, watch.tracks[PROMPT_TOKENS].score.n) == (500, 500)
    assert LEAST_TEXTS < watch.window_texts < 300
    assert watch.tracks[LANGUAGES].score.n == watch.tracks[VOCABULARY].score.n == watch.window_texts
    assert watch.alarms == ()


def test_too_few_texts_are_not_judged(chat: Chat) -> None:
    chat.looked_at, chat.italian = 0.1, 1.0

    watch = chat.let(2)

    assert watch.window_texts < LEAST_TEXTS
    assert watch.tracks[PROMPT_TOKENS].at == watch.window_at > watch.tracks[LANGUAGES].at
    assert watch.alarms == ()


def test_sizes_are_in_requests_however_many_words_each_has(chat: Chat) -> None:
    tracks = chat.let(1).tracks

    assert tracks[VOCABULARY].score.n == tracks[PROMPT_TOKENS].score.n == 500
    assert tracks[VOCABULARY].score.baseline == pytest.approx(tracks[PROMPT_TOKENS].score.baseline, rel=0.05)


@pytest.mark.parametrize("damaged", [{"known": {}}, {"counts": {}}])
def test_words_of_no_request_and_requests_of_no_word_are_not_judged(
    chat: Chat, damaged: dict[str, dict[str, int]]
) -> None:
    chat.baseline = msgspec.structs.replace(chat.baseline, learnt=None)
    window = joined(Window(), msgspec.structs.replace(chat.counts(), **damaged), 0.0, HOUR)

    assert VOCABULARY not in scores(window, chat.baseline, SETTINGS.judged)


def test_words_under_another_key_begin_another_baseline(chat: Chat) -> None:
    assert chat.baseline.vocabulary_key == "key-1"
    other = DriftSettings(features=SETTINGS.features, vocabulary_key="key-2")

    chat.let(1, other)

    assert (chat.baseline.taken_in, chat.baseline.vocabulary_key) == (1, "key-2")


@pytest.mark.parametrize("key", ["", "key-1"])
def test_a_key_that_is_new_to_a_baseline_without_words_begins_none(chat: Chat, key: str) -> None:
    before = chat.baseline.taken_in
    chat.baseline = msgspec.structs.replace(chat.baseline, vocabulary_key="")

    chat.let(1, DriftSettings(features=SETTINGS.features, vocabulary_key=key))

    assert chat.baseline.taken_in == before + 1
    assert chat.baseline.vocabulary_key == key


def test_texts_that_are_looked_at_a_report_later_are_not_lost() -> None:
    late = FeatureCounts(counts={LANGUAGES: {4: 7}}, texts=7)

    window = joined(Window(), late, 10.0, 20.0)
    window = joined(window, FeatureCounts(requests=3), 20.0, 30.0)

    assert (window.begin, window.end, window.texts, window.requests) == (10.0, 30.0, 7, 3)
    assert window.counts[LANGUAGES] == {4: 7}
