"""Output of one answer as it arrives: who produced when how many tokens, and the sums at its end.

The dialects say what a chunk carried; the arithmetic of signals.md (first token, gaps, exact or counted)
stands here once. Sources of a count rank: the server's own `usage`, token ids, logprobs entries, deltas
counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.exchange import (
    GAPS_LIMIT,
    ChoiceProgress,
    EventKind,
    Exchange,
    Outcome,
    TokenSource,
)
from llmmonitor_sidecar.analyser.outcomes import finish_reason
from llmmonitor_sidecar.analyser.output_form import OutputForm

Emit = Callable[[EventKind, Exchange, int], None]

LEAST_LOGPROB = -1_000.0
"""What is less stands for a token that has none: vLLM 0.6 says -9999 instead of minus infinity."""
COUNTED, LOGPROBS, TOKEN_IDS = 0, 1, 2
"""Ranks of `tokens` given to `Progress.output`."""

_SOURCES = (TokenSource.COUNTED, TokenSource.LOGPROBS, TokenSource.TOKEN_IDS)


class Progress:
    """Writes what output says into one exchange."""

    __slots__ = ("_emit", "_partial_usage", "_rank", "exchange", "form", "had_output")

    def __init__(self, exchange: Exchange, emit: Emit) -> None:
        self.exchange = exchange
        self._emit = emit
        self._rank = TOKEN_IDS
        self._partial_usage = False
        self.had_output = False
        self.form = OutputForm(wants_json=exchange.wants_json)

    def output(
        self, index: int, at_ns: int, tokens: int = 1, rank: int = COUNTED, *, content: bool = True
    ) -> None:
        """A chunk of choice `index` carried output of `tokens` tokens; `content` when a user would see it."""
        exchange = self.exchange
        choice = exchange.choices.get(index)
        if choice is None:
            choice = self._choice(index)
        if choice.chunks:
            gaps, gap = exchange.gaps_ns, at_ns - choice.last_token_ns
            exchange.longest_gap_ns = max(exchange.longest_gap_ns, gap)
            if len(gaps) < GAPS_LIMIT:
                gaps.append(gap)
            else:
                exchange.gaps_dropped += 1
        else:
            choice.first_token_ns = at_ns
            choice.tokens_in_first_chunk = tokens
            self._first(at_ns)
        choice.chunks += 1
        choice.tokens += tokens
        choice.last_token_ns = exchange.last_token_ns = at_ns
        self._rank = min(self._rank, rank)
        if content and not exchange.first_content_ns:
            exchange.first_content_ns = at_ns

    def whole(self, index: int, *, has_output: bool, tokens: int = 0, rank: int = COUNTED) -> None:
        """A choice of an answer that is no stream; `tokens` 0 when they can't be told."""
        choice = self._choice(index)
        choice.tokens += tokens
        self._rank = min(self._rank, rank)
        self.had_output = self.had_output or has_output

    def announce(self, index: int) -> None:
        """Choice `index` exists, though nothing of it was generated yet."""
        self._choice(index)

    def finish(self, index: int, word: str | None) -> None:
        """Choice `index` ended for the reason that the engine calls `word`."""
        if word:
            self._choice(index).finish_reason = finish_reason(word)

    @property
    def finished(self) -> bool:
        """Whether every choice seen has ended, and one was seen."""
        choices = self.exchange.choices
        return bool(choices) and all(choice.finish_reason for choice in choices.values())

    def prompt(self, tokens: int | None, cached: int | None = None) -> None:
        """Take the server's own count of prompt tokens, those from its cache included."""
        if tokens is not None:
            self.exchange.prompt_tokens = tokens
            self.exchange.prompt_token_source = TokenSource.USAGE
        if cached is not None:
            self.exchange.cached_tokens = cached

    def completion(self, tokens: int | None, reasoning: int | None = None, *, partial: bool = False) -> None:
        """Take the server's own count of completion tokens; `partial` when it is of one choice of several."""
        self._partial_usage = partial
        if tokens is not None:
            self.exchange.completion_tokens = tokens
            self.exchange.completion_token_source = TokenSource.COUNTED if partial else TokenSource.USAGE
        if reasoning is not None:
            self.exchange.reasoning_tokens = reasoning

    def likely(self, logprobs: Iterable[float | None]) -> None:
        """Tokens that were generated have these log-probabilities, in nats."""
        exchange = self.exchange
        for one in logprobs:
            if one is not None and one > LEAST_LOGPROB:
                exchange.logprob_sum += min(0.0, one)
                exchange.logprobs += 1

    def say(self, index: int, text: str | None) -> None:
        """Choice `index` says `text`, which a user would see."""
        said = self.exchange.said
        if text and said is not None:
            said.answer(index, text)

    def call(self, index: int, number: int, arguments: str | None) -> None:
        """Choice `index` writes a piece of the arguments of its tool call `number`."""
        said = self.exchange.said
        if arguments and said is not None:
            said.call(index, number, arguments)

    def settle(self) -> None:
        """Write the sums: nothing more will come."""
        exchange = self.exchange
        choices = exchange.choices
        seen = sum(choice.tokens for choice in choices.values())
        if seen and exchange.completion_token_source is not TokenSource.USAGE:
            if not (self._partial_usage and exchange.completion_tokens > seen):
                exchange.completion_tokens = seen
            exchange.completion_token_source = _SOURCES[self._rank]
        reasons = [choices[index].finish_reason for index in sorted(choices)]
        exchange.finish_reasons = tuple(reason for reason in reasons if reason)
        if exchange.outcome is Outcome.OK:
            exchange.forms = self.form.judged(choices)
        exchange.empty = exchange.generates and exchange.outcome is Outcome.OK and not self.had_output

    def _choice(self, index: int) -> ChoiceProgress:
        choices = self.exchange.choices
        if index not in choices and len(choices) >= limits.CHOICES:
            index = max(choices)
        return choices.setdefault(index, ChoiceProgress())

    def _first(self, at_ns: int) -> None:
        self.had_output = True
        exchange = self.exchange
        if not exchange.first_token_ns:
            exchange.first_token_ns = at_ns
            if exchange.request_ended_ns:
                self._emit(EventKind.FIRST_TOKEN, exchange, at_ns)
