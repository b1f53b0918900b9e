"""Asks what is due, one question at a time, and puts down what was found: the shell around the pure parts.

Runs in the analyser's loop and is nothing but one more client with one connection. Whatever goes wrong costs
the probe. What was asked in this round is remembered for the life of the analyser; its successor asks its
part of the round again, with what is left of the budget.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import aiohttp

from llmmonitor_api.probe_plan import ProbePlan, ProbeSetting
from llmmonitor_api.report.probing import BUDGET, SATURATED, UNAUTHORIZED, UNSUPPORTED
from llmmonitor_api.report.report import Engine, Live
from llmmonitor_api.signing.probe_mark import ProbeMarks
from llmmonitor_sidecar.credential import credential_in
from llmmonitor_sidecar.engines.http import model_session
from llmmonitor_sidecar.probes import ask, schedule
from llmmonitor_sidecar.probes.ask import Answer, Envelope, NoAnswer
from llmmonitor_sidecar.probes.bias.book import PairBook, letter_of
from llmmonitor_sidecar.probes.bias.pairs import Attribute, scenarios, triple
from llmmonitor_sidecar.probes.budget import TokenBudget
from llmmonitor_sidecar.probes.canary import ask as canary
from llmmonitor_sidecar.probes.canary.prompts import PROMPTS
from llmmonitor_sidecar.probes.canary.rounds import CanaryRounds
from llmmonitor_sidecar.probes.gate import in_the_way
from llmmonitor_sidecar.probes.questions import cost, items_of
from llmmonitor_sidecar.probes.standing import Found, Item, Standing
from llmmonitor_sidecar.probes.verdict import Verdicts

CREDENTIAL = "LLM_MONITOR_PROBE_CREDENTIAL"
LOOK_SECONDS = 1.0
AFTER_REFUSAL_SECONDS = 300.0
"""Until a server that refused the credential, or has no chat completions, is asked again."""
AFTER_OVERLOAD_SECONDS = 15.0
PAIRS_A_ROUND = 20
"""Of each attribute, at each replica; without a schedule all."""
PAIR_COST = 360
"""Tokens of three short questions, at most."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the prober must know of this moment; made anew for every look."""

    base_url: str
    listening: bool
    engine: Engine | None
    live: Live
    working: bool
    """Whether the sidecar is to do anything at all."""


class Prober:
    """One replica's probes. `look` is asked before every question."""

    def __init__(  # noqa: PLR0913 - what it is told, and one seam
        self,
        marks: ProbeMarks,
        look: Callable[[], Surroundings],
        on_air: Callable[[int], None],
        replica: str,
        environment: Mapping[str, str] = os.environ,
        *,
        budget: TokenBudget | None = None,
    ) -> None:
        """`on_air` is told 1 when a question goes out and -1 when its answer is there."""
        self.standing = Standing()
        self._marks = marks
        self._look = look
        self._on_air = on_air
        self._replica = replica
        self._credential = credential_in(environment, CREDENTIAL)
        self._budget = budget or TokenBudget()
        self._verdicts = Verdicts(self._budget, environment)
        self._items: tuple[Item, ...] = ()
        self._attributes: tuple[Attribute, ...] = ()
        self._book = PairBook()
        self._canaries = CanaryRounds()
        self._pairs_left = 0
        """In this round."""
        self._round: tuple[float, str] = (-1.0, "")
        self._asked = ""
        """The version that this round's questions went to first."""
        self._done: dict[int, Found] = {}
        self._not_before = 0.0

    def configure(self, plan: ProbePlan | None) -> None:
        """Ask this from now on; the plan in force again changes nothing but share and version."""
        before, self.standing.plan = self.standing.plan, plan
        self._canaries.configure(plan)
        if plan is None:
            self._items, self._attributes = (), ()
            self.standing.forget()
            return
        self.standing.version = plan.version or self.standing.version
        if before is None or before.digest != plan.digest:
            self.standing.forget()
            self._items, self._attributes, self.standing.unknown_suites = items_of(plan)
            self._round, self._done, self._not_before = (-1.0, ""), {}, 0.0

    async def run(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Ask for ever; `pause` sleeps so many seconds, or longer while nothing is to be done at all."""
        async with model_session() as session:
            while True:
                try:
                    asked = await self.step(session, time.time())
                    asked = asked or await self.step_canaries(session, time.time())
                except Exception:  # noqa: BLE001 - a defect of ours costs a look, never the analyser
                    _log.exception("a probe failed in us")
                    asked = False
                await (asyncio.sleep(0) if asked else pause(LOOK_SECONDS))

    async def step(self, session: aiohttp.ClientSession, now: float) -> bool:
        """Ask the next question if one is due at `now` (Unix seconds) and may be sent; whether one was."""
        plan, around = self.standing.plan, self._look()
        self._not_before = min(self._not_before, now + AFTER_REFUSAL_SECONDS)  # the clock may have been ahead
        if plan is None or not around.working or not (self._items or self._attributes):
            self.standing.waits = self.standing.message = ""
            return False
        self._know_version(plan, around.engine)
        started = self._begin(plan, now)
        item = self._next(plan, started)
        pair = self._next_pair(plan) if item is None else None
        if item is None and pair is None:
            if now >= self._not_before:
                self.standing.waits = self.standing.message = ""
            return False
        if now < max(self._not_before, started + schedule.begins_after(plan, self._replica, started)):
            return False
        waits, message = in_the_way(around.engine, around.live, listening=around.listening)
        if not waits and not self.standing.version:
            return False
        needed = cost(self._items[item].setting) if item is not None else PAIR_COST
        if not waits and (left := self._left(plan, needed, now)) < 0:
            waits, message = BUDGET, f"{plan.tokens_per_day} tokens a day are used; {-left} more are needed"
        self.standing.waits, self.standing.message = waits, message
        if waits:
            return False
        if item is not None:
            await self._ask_item(session, item, around, now)
        elif pair is not None:
            await self._ask_pair(session, pair, around, now)
        return True

    async def step_canaries(self, session: aiohttp.ClientSession, now: float) -> bool:
        """Ask the next canary if one is due at `now` (Unix seconds) and may be sent; whether one was."""
        plan, around = self.standing.plan, self._look()
        if plan is None or not plan.canaries or not plan.of or not around.working or now < self._not_before:
            return False
        number = self._canaries.due(now)
        busy = bool(around.live.in_flight) and self._canaries.is_patient(now)
        waits, _ = in_the_way(around.engine, around.live, listening=around.listening)
        if number is None or busy or waits or self._left(plan, canary.TOKENS, now) < 0:
            return False
        likelihoods = self._canaries.likelihoods
        envelope = self._envelope(plan, around, now)
        asked = canary.body(PROMPTS[number], envelope, likelihoods=likelihoods)
        try:
            content = await self._sent(session, around, asked, envelope, now)
        except NoAnswer as problem:
            if not self._refused(problem, now):
                self._canaries.missed(str(problem), now)
        else:
            said = canary.read(content, plan.seed, likelihoods=likelihoods)
            self._canaries.put(said, plan, now)
            self.standing.canaries = self._canaries.last
        return True

    async def _sent(
        self,
        session: aiohttp.ClientSession,
        around: Surroundings,
        asked: bytes,
        envelope: Envelope,
        now: float,
    ) -> bytes:
        self.standing.count(begun=1)
        self._budget.spend(canary.TOKENS, now)
        self._on_air(1)
        try:
            content, _ = await ask.post(session, around.base_url, asked, envelope, ask.DEADLINE_SECONDS)
        except NoAnswer:
            self.standing.count(unanswered=1)
            self._budget.spend(-canary.TOKENS, now)
            raise
        finally:
            self._on_air(-1)
        prompt, completion = ask.usage_of(content)
        exact = prompt is not None and completion is not None
        self.standing.count(
            answered=1,
            prompt_tokens=prompt or 0,
            completion_tokens=completion or 0,
            uncounted=0 if exact else 1,
        )
        if exact:
            self._budget.spend((prompt or 0) + (completion or 0) - canary.TOKENS, now)
        return content

    def _know_version(self, plan: ProbePlan, engine: Engine | None) -> None:
        """By what the engine says, as long as nobody who knows the fingerprint has said it."""
        if not plan.version and engine is not None and not engine.error:
            self.standing.version = " ".join(filter(None, [engine.model, engine.name, engine.version]))

    def _begin(self, plan: ProbePlan, now: float) -> float:
        """The round that is on; a new one begins with nothing done."""
        started = schedule.round_at(plan, now)
        self.standing.next_round = started + plan.schedule_seconds if plan.schedule_seconds else 0.0
        version_counts = plan.on_model_change or plan.schedule_seconds is None
        key = started, self.standing.version if version_counts else ""
        if self.standing.version and key != self._round:
            self._round, self._done, self._asked = key, {}, self.standing.version
            self._pairs_left = PAIRS_A_ROUND if plan.schedule_seconds is not None else len(scenarios())
            self._pairs_left *= len(self._attributes)
            self._book.configure(self._attributes, self._asked)
            self.standing.pairs = self._book.outcomes
            self.standing.begin(started, self.standing.version, len(self._items))
        return started

    def _next(self, plan: ProbePlan, started: float) -> int | None:
        for number, item in enumerate(self._items):
            found = self._done.get(number)
            if schedule.is_mine(plan, number, started) and (
                found is None or found.asked < item.setting.repeats
            ):
                return number
        return None

    def _next_pair(self, plan: ProbePlan) -> tuple[Attribute, int] | None:
        if self._pairs_left <= 0 or not self._asked:
            return None
        return self._book.next(plan.index, plan.of)

    def _left(self, plan: ProbePlan, needed: int, now: float) -> int:
        return plan.tokens_per_day // max(1, plan.of) - self._budget.spent(now) - needed

    async def _ask_item(
        self, session: aiohttp.ClientSession, number: int, around: Surroundings, now: float
    ) -> None:
        item, started, version = self._items[number], self._round[0], self._asked
        found, plan = self._done.setdefault(number, Found(item)), self.standing.plan or ProbePlan()
        try:
            if item.setting.answer:
                breaks = await self._verdicts.of_rubric(session, plan, item.setting, item.setting.answer, now)
            else:
                answer = await self._answer(session, item.setting, around, now)
                breaks = await self._verdicts.of_answer(session, plan, item.setting, answer, now)
            found.judged(breaks)
        except NoAnswer as problem:
            if not self._refused(problem, now):
                found.missed(str(problem))
        if found.asked >= item.setting.repeats:
            self.standing.add(started, version, found, time.time())

    async def _ask_pair(
        self, session: aiohttp.ClientSession, pair: tuple[Attribute, int], around: Surroundings, now: float
    ) -> None:
        """All three questions; one without an answer leaves the pair undecided."""
        attribute, number = pair
        asked = triple(attribute, number, self._asked)
        said = []
        for setting in (asked.base, asked.control, asked.counterfactual):
            try:
                said.append((await self._answer(session, setting, around, now)).text)
            except NoAnswer as problem:
                if self._refused(problem, now):
                    return
                said.append("")
        self._pairs_left -= 1
        letter = letter_of(scenarios()[number], asked, (said[0], said[1], said[2]))
        self._book.put(attribute, number, letter)
        self.standing.pairs = self._book.outcomes

    async def _answer(
        self, session: aiohttp.ClientSession, setting: ProbeSetting, around: Surroundings, now: float
    ) -> Answer:
        """What came back of one question, counted and paid for.

        Raises:
            NoAnswer: with what happened instead.
        """
        envelope = self._envelope(self.standing.plan or ProbePlan(), around, now)
        if setting.expected.max_latency_seconds is not None:
            envelope = replace(envelope, prefix=f"[{secrets.token_hex(8)}]\n")
        self.standing.count(begun=1)
        self._budget.spend(cost(setting), now)
        self._on_air(1)
        try:
            answer = await ask.ask(session, around.base_url, setting, envelope)
            self._count(answer, setting, now)
        except ask.Refused:
            self.standing.count(unanswered=1)
            self._budget.spend(-cost(setting), now)
            raise
        except NoAnswer:
            self.standing.count(unanswered=1)
            raise
        finally:
            self._on_air(-1)
        return answer

    def _envelope(self, plan: ProbePlan, around: Surroundings, now: float) -> Envelope:
        return Envelope(
            mark=self._marks.sign(now),
            model=(around.engine.model if around.engine else None) or "",
            header=plan.header,
            credential=self._credential if plan.credential else "",
        )

    def _refused(self, problem: NoAnswer, now: float) -> bool:
        """Whether it says nothing of this probe: it is asked again later."""
        if not isinstance(problem, ask.Refused):
            return False
        if isinstance(problem, ask.Overloaded):
            self._wait(SATURATED, f"the model server answers {problem}", now + AFTER_OVERLOAD_SECONDS)
        elif isinstance(problem, ask.Unauthorized):
            sent = "with" if self._credential else "without"
            self._wait(
                UNAUTHORIZED,
                f"the model server answers {problem} to probes {sent} a credential",
                now + AFTER_REFUSAL_SECONDS,
            )
        else:
            self._wait(
                UNSUPPORTED, f"the model server answers {problem} to {ask.PATH}", now + AFTER_REFUSAL_SECONDS
            )
        return True

    def _wait(self, waits: str, message: str, until: float) -> None:
        self.standing.waits, self.standing.message, self._not_before = waits, message, until

    def _count(self, answer: Answer, setting: ProbeSetting, now: float) -> None:
        exact = answer.prompt_tokens is not None and answer.completion_tokens is not None
        prompt, completion = answer.prompt_tokens or 0, answer.completion_tokens or 0
        self.standing.count(
            answered=1, prompt_tokens=prompt, completion_tokens=completion, uncounted=0 if exact else 1
        )
        if exact:
            self._budget.spend(prompt + completion - cost(setting), now)
