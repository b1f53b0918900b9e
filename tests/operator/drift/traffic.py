"""Windows of requests, of independent ones and of sessions, for the tests of drift."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache

import msgspec

from llmmonitor_api.report.features import (
    COMPLETION_TOKENS,
    FINISH_REASON,
    PARAMETERS,
    PROMPT_TOKENS,
    FeatureCounts,
    bucket_of,
    record,
    stratum_of,
)
from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.drift.judge import learn
from llmmonitor_operator.drift.watch import DriftSettings, Watch, stepped
from llmmonitor_operator.drift.window import joined

FEATURES = (PROMPT_TOKENS, COMPLETION_TOKENS, PARAMETERS, FINISH_REASON)
SETTINGS = DriftSettings(features=FEATURES)
HOUR = 3_600.0
BEGIN = 1_800_000_000.0


class Traffic:
    """Requests of a chat: prompts, and answers a little longer for longer ones."""

    def __init__(self, seed: int, session: int = 1) -> None:
        """Requests come in runs of `session` alike."""
        self.draw = random.Random(seed)
        self.session = session
        self.longer_answers = 1.0
        self.code = 0.0
        """The share of requests that complete code: long prompts, short answers, other parameters."""

    def counts(self, requests: int) -> FeatureCounts:
        """As sidecars report them."""
        features = FeatureCounts(requests=requests)
        done = 0
        while done < requests:
            prompt, completion, parameters = self._request()
            for _ in range(min(self.session, requests - done)):
                done += 1
                record(features.counts, PROMPT_TOKENS, bucket_of(prompt))
                record(features.counts, COMPLETION_TOKENS, bucket_of(completion))
                record(features.counts, PARAMETERS, parameters)
                record(features.counts, FINISH_REASON, int(self.draw.random() < 0.1))
                stratum = features.completions.setdefault(stratum_of("chat", prompt), {})
                bucket = bucket_of(completion)
                stratum[bucket] = stratum.get(bucket, 0) + 1
        return features

    def _request(self) -> tuple[int, int, int]:
        draw = self.draw
        if draw.random() < self.code:
            return int(draw.lognormvariate(7.5, 0.4)), int(draw.lognormvariate(2.5, 0.5)), 5
        prompt = int(draw.lognormvariate(5.5, 1.0))
        return (
            prompt,
            int(self.longer_answers * draw.lognormvariate(4 + 0.1 * prompt**0.25, 0.7)),
            draw.randrange(3),
        )


class Monitored:
    """A monitor's drift, window by window, an hour each."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.watch = Watch()
        self.baseline = Baseline()
        self.now = BEGIN

    def windows(self, number: int, seconds: float = HOUR) -> Iterator[Watch]:
        """So many windows one after the other, learnt from as the operator does."""
        for _ in range(number):
            self.watch = msgspec.structs.replace(
                self.watch,
                open=joined(self.watch.open, self.traffic.counts(500), self.now, self.now + seconds),
            )
            self.now += seconds
            self.watch, self.baseline = stepped(self.watch, self.baseline, SETTINGS)
            if self.baseline.learning_due(SETTINGS.min_seconds):
                known = learn(self.baseline, FEATURES)
                self.baseline = msgspec.structs.replace(self.baseline, learnt=known)
            yield self.watch

    def let(self, number: int, seconds: float = HOUR) -> Watch:
        """What is so after so many windows."""
        for _ in self.windows(number, seconds):
            pass
        return self.watch


def learnt(session: int = 1) -> Monitored:
    """With a baseline of a week, and new traffic of the same kind."""
    known = _after_a_week(session)
    one = Monitored(Traffic(2, session))
    one.watch, one.baseline, one.now = known.watch, known.baseline, known.now
    return one


@cache
def _after_a_week(session: int) -> Monitored:
    one = Monitored(Traffic(1, session))
    one.let(7 * 24 + 1)
    return one
