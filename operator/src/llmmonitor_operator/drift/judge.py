"""One closed window against the baseline: each feature's index, and whether chance explains it.

Beside the features of requests and answers stands one more: what is answered to the like of what was asked,
the completions within strata of operation and prompt length. It alone says whether it is the model that
moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from llmmonitor_api.report import features as known
from llmmonitor_api.report.features import OTHER, WHOLE
from llmmonitor_operator.drift.baseline import Baseline, Expected, Learnt
from llmmonitor_operator.drift.index import Index, Reference, index
from llmmonitor_operator.drift.null import Null, fitted
from llmmonitor_operator.drift.window import Window, folded, unpacked

GIVEN_INPUT = "CompletionTokensGivenInput"
"""The feature that is answers within strata."""
OUTPUT = frozenset(
    {
        *(known.COMPLETION_TOKENS, known.FINISH_REASON, GIVEN_INPUT),
        *(known.MEAN_LOGPROB, known.REFUSAL, known.REPETITION, *known.COMPANIONS.values()),
    }
)
"""Features of answers; the others are of what is asked."""
CATEGORIES_TOLD_APART = 15
LOOKS_OVER_SECONDS = 90 * 86_400.0
"""Chance alone passes one threshold in so long a time."""
_HOUR_SECONDS = 3_600.0
_LEAST_SHARE = 0.5
"""Of a window's requests, or of those whose text was looked at, of which a feature is known."""
LEAST_TEXTS = 100
"""That were looked at, for what is found in them."""
_LEAST_IN_STRATUM = 20


class Score(msgspec.Struct, frozen=True, omit_defaults=True):
    """One feature in one window."""

    psi: float
    n: int
    """Requests of the window of which it is known."""
    baseline: int
    """As good as so many requests."""
    threshold: float | None = None
    """None while the baseline is being learnt."""
    overdispersion: float = 0.0
    found_from: float = 0.0
    """The true PSI from which on a window passes the threshold 8 times in 10."""

    @property
    def over(self) -> bool:
        """Whether chance does not explain it."""
        return self.threshold is not None and self.psi > self.threshold


def scores(window: Window, baseline: Baseline, features: Iterable[str]) -> dict[str, Score]:
    """By feature that is known of most of the window's requests, and of the baseline."""
    expected, learnt = Expected(baseline), baseline.learnt
    categories = _categories(expected) if learnt is None else learnt.categories
    indexes = _indexes(window, expected, categories, features, None)
    if learnt is None:
        return {name: Score(one.psi, *_sizes(name, one, window)) for name, one in indexes.items()}
    judged = [name for name in indexes if name in learnt.nulls]
    alpha = alpha_of(baseline, len(judged))
    return {
        name: _score(indexes[name], _sizes(name, indexes[name], window), learnt.nulls[name], alpha)
        for name in judged
    }


def alpha_of(baseline: Baseline, features: int) -> float:
    """One look at one feature in 90 days passes its threshold by chance.

    Windows that come faster than hourly are one look an hour: what lifts them lasts, and what does not last
    is not in two windows in a row (docs/design/drift.md).
    """
    windows = baseline.windows * LOOKS_OVER_SECONDS / max(1.0, baseline.seconds)
    looks = min(windows, LOOKS_OVER_SECONDS / _HOUR_SECONDS)
    return 1 / max(1.0, looks * features)


def learn(baseline: Baseline, features: Iterable[str]) -> Learnt:
    """What the baseline's own windows say of chance: each one against all the others."""
    expected = Expected(baseline)
    categories = _categories(expected)
    found: dict[str, list[Index]] = {}
    names = tuple(features)
    for window in map(unpacked, baseline.kept):
        for name, one in _indexes(window, expected, categories, names, window).items():
            found.setdefault(name, []).append(one)
    nulls = {name: null for name, indexes in found.items() if (null := fitted(indexes)) is not None}
    return Learnt(nulls, categories, baseline.taken_in)


def _score(one: Index, sizes: tuple[int, int], null: Null, alpha: float) -> Score:
    n, baseline = sizes
    return Score(
        psi=one.psi,
        n=n,
        baseline=baseline,
        threshold=null.threshold(alpha, one),
        overdispersion=null.overdispersion,
        found_from=null.found_from(alpha, one),
    )


def _sizes(name: str, one: Index, window: Window) -> tuple[int, int]:
    """The window's and the baseline's, in requests, also where each has several words."""
    baseline = 1 / (one.noise - 1 / one.n)
    if name not in known.WORDS:
        return one.n, round(baseline)
    n = window.known_of(name)
    return n, round(baseline * n / one.n)


def _indexes(
    window: Window,
    expected: Expected,
    categories: Mapping[str, tuple[int, ...]],
    features: Iterable[str],
    without: Window | None,
) -> dict[str, Index]:
    result = {}
    for name in features:
        buckets = window.counts.get(name, {})
        if not _known_of_most(name, window):
            continue
        reference = expected.reference(name, window.hour, without)
        if reference is not None:
            told = categories.get(name)
            if told is not None:
                buckets, reference = _told_apart(buckets, told), _reference_told_apart(reference, told)
            result[name] = index(buckets, reference)
    if known.COMPLETION_TOKENS in result:
        given = _given_input(window, expected.strata(without))
        if given is not None:
            result[GIVEN_INPUT] = given
    return result


def _known_of_most(name: str, window: Window) -> bool:
    n = window.known_of(name)
    if name not in known.TEXT:
        return n >= _LEAST_SHARE * max(1, window.requests)
    return window.texts >= LEAST_TEXTS and n >= _LEAST_SHARE * window.texts


def _given_input(window: Window, strata: Mapping[int, Reference]) -> Index | None:
    """The strata's statistics and degrees of freedom, added; as an index of all of their requests."""
    found = [
        index(buckets, strata[stratum])
        for stratum, buckets in window.completions.items()
        if sum(buckets.values()) >= _LEAST_IN_STRATUM
        and stratum in strata
        and strata[stratum].size >= _LEAST_IN_STRATUM
    ]
    if not found:
        return None
    n = sum(one.n for one in found)
    baseline = sum(1 / (one.noise - 1 / one.n) for one in found)
    noise = 1 / n + 1 / baseline
    return Index(sum(one.statistic for one in found) * noise, noise, sum(one.degrees for one in found), n)


def _categories(expected: Expected) -> dict[str, tuple[int, ...]]:
    return {
        name: tuple(sorted(folded(buckets, CATEGORIES_TOLD_APART).keys() - {OTHER}))
        for name, buckets in expected.everything.counts.items()
        if name not in WHOLE
    }


def _told_apart(buckets: Mapping[int, int], told: tuple[int, ...]) -> dict[int, int]:
    result = {code: buckets[code] for code in told if code in buckets}
    rest = sum(buckets.values()) - sum(result.values())
    return result | {OTHER: rest} if rest else result


def _reference_told_apart(reference: Reference, told: tuple[int, ...]) -> Reference:
    shares = {code: reference.shares[code] for code in told if code in reference.shares}
    rest = sum(share for code, share in reference.shares.items() if code not in shares)
    return Reference(shares | {OTHER: rest} if rest > 0 else shares, reference.size)
