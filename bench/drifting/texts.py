"""Streams of real texts as the operator sees them: what the sidecar's own code counts of each, hour by hour.

Texts are those of the bench of detectors (`detection/benign.py`), each source an application. Sessions are
synthetic: some are under way at any time, each asks as often as a geometric draw says, and stays within the
source of its first request with the given probability; else a request is of the whole mix. English and
Chinese requests, and a tenth of four other languages, are the mix; what is added later is of languages or of
programs that are not in it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

from bench.detection import benign
from bench.detection.texts import PACKAGES

from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_api.report.features import COMPANIONS, FeatureCounts
from llmmonitor_sidecar.detectors.finding import Heard
from llmmonitor_sidecar.detectors.inspect import Inspection
from llmmonitor_sidecar.detectors.said import Message
from llmmonitor_sidecar.signals.features import Features

FEATURES = tuple(COMPANIONS)
REQUESTS_AN_HOUR = 500
LANGUAGE, CODE = "in other languages", "programs"
_MIX = (
    *("healthsearchqa", "TruthfulQA", "SIQA", "ASDiv", "MMLU", "BoolQ", "XSum", "HellaSwag", "imdb"),
    *("writingbench", "OpenBookQA", "PubMedQA/pqaa", "CommonsenseQA", "Privacy-Policy", "MultiLexSum"),
)
_USUAL_LANGUAGES = ("de", "fr", "es", "pt_BR")
_USUAL_SHARE = 0.1
_OTHER_LANGUAGES = ("it", "nl", "pl", "tr", "ru", "ko")
_PROGRAMS = ("python library", "swe-lancer")
_SENTENCES = 6
"""Of user interfaces, to a text in another language."""
_MOST = 400
"""Texts of a source."""
_SESSIONS, _LENGTH = 40, 20.0
_KEY = b"k" * 32
_NOTHING_FOUND = Inspection(frozenset(), frozenset(), cut_short=False)

Text = dict[str, tuple[int, ...]]
"""By feature: the buckets in which one request counts."""


def translated(language: str) -> list[str]:
    """Texts in one language."""
    sentences: list[str] = []
    for path in sorted((PACKAGES / "django").rglob(f"locale/{language}/LC_MESSAGES/django.po")):
        sentences += benign.PO_TEXT.findall(path.read_text(encoding="utf-8"))
    random.Random(5).shuffle(sentences)
    return [
        " ".join(sentences[at : at + _SENTENCES])
        for at in range(0, len(sentences) - _SENTENCES + 1, _SENTENCES)
    ]


def counted(text: str) -> Text:
    """What one request with this text counts in."""
    counts = FeatureCounts()
    features = Features(counts)
    features.configure(FEATURES)
    features.count_words_by("bench", _KEY)
    heard = Heard(context=(Message(Origin.USER, text),), complete=True)
    features.looked_at(heard, _NOTHING_FOUND)
    return {
        name: tuple(bucket for bucket, times in buckets.items() for _ in range(times))
        for name, buckets in counts.counts.items()
    }


@cache
def sources() -> dict[str, tuple[Text, ...]]:
    """By source: what its texts count in."""
    said: dict[str, list[str]] = {}
    for one in (*benign.trained_on(), *benign.tested_on()):
        said.setdefault(one.source, []).append(one.text)
    for language in (*_USUAL_LANGUAGES, *_OTHER_LANGUAGES):
        said[language] = translated(language)
    wanted = (*_MIX, *_PROGRAMS, *_USUAL_LANGUAGES, *_OTHER_LANGUAGES)
    draw = random.Random(3)
    return {
        name: tuple(counted(text) for text in draw.sample(said[name], min(_MOST, len(said[name]))))
        for name in wanted
    }


@dataclass(slots=True)
class Sessions:
    """Traffic of sessions."""

    correlation: float
    """How likely a request is of its session's own source."""
    seed: int
    added: str = ""
    """What is mixed in: LANGUAGE or CODE."""
    share: float = 0.0
    """Of the requests that it replaces."""
    _draw: random.Random = field(init=False)
    _weights: Sequence[float] = field(init=False)

    def __post_init__(self) -> None:
        """Draw how much of each source the mix has, by the seed alone: a changed stream has the same."""
        chance = random.Random(self.seed)
        mix = [chance.random() + 0.2 for _ in _MIX]
        usual = _USUAL_SHARE / len(_USUAL_LANGUAGES)
        self._weights = [(1 - _USUAL_SHARE) * one / sum(mix) for one in mix] + [usual] * len(_USUAL_LANGUAGES)
        self._draw = random.Random(f"{self.seed} {self.added} {self.share}")

    def begin_anew(self, trial: int) -> None:
        """Draw other requests of the same mix."""
        self._draw = random.Random(f"{self.seed} {self.added} {self.share} {trial}")

    def hours(self, begin: float, number: int) -> Iterator[tuple[float, FeatureCounts]]:
        """So many hours' counts, each with its end."""
        draw = self._draw
        under_way = [self._source() for _ in range(_SESSIONS)]
        for hour in range(number):
            requests: list[Text] = []
            for _ in range(REQUESTS_AN_HOUR):
                place = draw.randrange(_SESSIONS)
                own = draw.random() < self.correlation
                requests.append(self._text(under_way[place] if own else self._source()))
                if draw.random() < 1 / _LENGTH:
                    under_way[place] = self._source()
            yield begin + 3_600.0 * (hour + 1), _added(requests)

    def _source(self) -> str:
        return self._draw.choices((*_MIX, *_USUAL_LANGUAGES), self._weights)[0]

    def _text(self, source: str) -> Text:
        draw = self._draw
        if draw.random() < self.share:
            source = draw.choice(_OTHER_LANGUAGES if self.added == LANGUAGE else _PROGRAMS)
        return draw.choice(sources()[source])


def _added(requests: Sequence[Text]) -> FeatureCounts:
    counts = FeatureCounts(requests=len(requests), texts=len(requests))
    for one in requests:
        for name, buckets in one.items():
            into = counts.counts.setdefault(name, {})
            for bucket in buckets:
                into[bucket] = into.get(bucket, 0) + 1
            counts.known[name] = counts.known.get(name, 0) + 1
    return counts
