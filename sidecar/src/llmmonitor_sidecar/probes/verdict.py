"""What of its expectations an answer breaks: by rules first, then by the other models that the owner names.

Those are asked only of answers that hold everything else, since what they read and write is paid for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import TypeVar

import aiohttp

from llmmonitor_api.probe_plan import ProbePlan, ProbeSetting
from llmmonitor_sidecar.credential import credential_in
from llmmonitor_sidecar.probes import embedding, judge
from llmmonitor_sidecar.probes.ask import Answer, NoAnswer, Unusable
from llmmonitor_sidecar.probes.budget import TokenBudget
from llmmonitor_sidecar.probes.endpoint import Endpoint
from llmmonitor_sidecar.probes.grading import broken

T = TypeVar("T", judge.Grade, embedding.Likeness)


class Verdicts:
    """Of one replica's probes; what they take is spent from its budget."""

    def __init__(self, budget: TokenBudget, environment: Mapping[str, str]) -> None:
        self._budget = budget
        self._embeddings_credential = credential_in(environment, embedding.CREDENTIAL)
        self._judge_credential = credential_in(environment, judge.CREDENTIAL)

    async def of_answer(
        self,
        session: aiohttp.ClientSession,
        plan: ProbePlan,
        setting: ProbeSetting,
        answer: Answer,
        now: float,
    ) -> str:
        """What the model's answer breaks; empty: nothing.

        Args:
            session: to ask the other models by.
            plan: names them.
            setting: what was asked and is expected.
            answer: the model's.
            now: Unix seconds.

        Raises:
            NoAnswer: one of the other models does not tell, or is not named.
        """
        found = broken(setting.expected, answer.text, answer.seconds)
        found = found or await self._misses(session, plan, setting, answer.text, now)
        return found or await self.of_rubric(session, plan, setting, answer.text, now)

    async def of_rubric(
        self, session: aiohttp.ClientSession, plan: ProbePlan, setting: ProbeSetting, answer: str, now: float
    ) -> str:
        """`judged` where the judge calls an answer bad; empty where it is good, or has no rubric.

        Raises:
            NoAnswer: nobody tells.
        """
        rubric = setting.expected.judged
        if not rubric:
            return ""
        if plan.judge is None:
            raise NoAnswer("no verdict: spec.quality.judge is not set")
        question = "\n".join(one.content for one in setting.messages)
        at = Endpoint(session, plan.judge, self._judge_credential)
        found = await self._paid(judge.grade(at, rubric, question, answer), now)
        return "" if found.good else "judged"

    async def _misses(
        self, session: aiohttp.ClientSession, plan: ProbePlan, setting: ProbeSetting, answer: str, now: float
    ) -> str:
        """How far an answer is from what it must mean, in figures; empty if it is near enough."""
        expected = setting.expected
        if not expected.means_like:
            return ""
        if plan.embeddings is None:
            raise NoAnswer("no embeddings: spec.quality.embeddings is not set")
        at = Endpoint(session, plan.embeddings, self._embeddings_credential)
        found = await self._paid(embedding.likeness(at, answer, expected.means_like), now)
        near = found.cosine >= expected.means_at_least
        return "" if near else f"meansLike {found.cosine:.2f} < {expected.means_at_least:.2f}"

    async def _paid(self, asked: Awaitable[T], now: float) -> T:
        """What comes of it, usable or not: it has taken its tokens."""
        try:
            found = await asked
        except Unusable as problem:
            self._budget.spend(problem.tokens, now)
            raise
        self._budget.spend(found.tokens, now)
        return found
