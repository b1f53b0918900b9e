"""One canary's request, and its answer as hashes and numbers.

Greedy, of one token with its likeliest alternatives. A server that gives no logprobs is asked for some tokens
the next time: of these the text counts.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from llmmonitor_api.report.canaries import TOKENS_LIMIT, CanaryPrint
from llmmonitor_sidecar.probes.ask import Envelope

TEXT_TOKENS = 12
TOKENS = 96
"""That a canary may take, prompt and answer, before anybody has counted them."""
_LOWEST = -1e4


class _Alternative(msgspec.Struct, frozen=True):
    token: str
    logprob: float


class _Token(msgspec.Struct, frozen=True):
    top_logprobs: list[_Alternative] = []


class _Logprobs(msgspec.Struct, frozen=True):
    content: list[_Token] | None = None


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message = _Message()
    logprobs: _Logprobs | None = None


class _Completion(msgspec.Struct, frozen=True):
    choices: list[_Choice]


def body(prompt: str, envelope: Envelope, *, likelihoods: bool) -> bytes:
    """The request; without `likelihoods` for the beginning of an answer."""
    whole: dict[str, object] = {
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": 1 if likelihoods else TEXT_TOKENS,
        "temperature": 0,
        "stream": False,
    }
    if likelihoods:
        whole |= {"logprobs": True, "top_logprobs": TOKENS_LIMIT}
    if envelope.model:
        whole["model"] = envelope.model
    return msgspec.json.encode(whole)


def read(content: bytes, key: str, *, likelihoods: bool) -> CanaryPrint:
    """What came back; an empty one where there is nothing to go by.

    Args:
        content: a chat completion.
        key: of the monitor: hashes of two monitors cannot be matched.
        likelihoods: whether they were asked for.
    """
    try:
        choice = msgspec.json.decode(content, type=_Completion).choices[0]
    except (msgspec.MsgspecError, RecursionError, IndexError):
        return CanaryPrint()
    if not likelihoods:
        text = choice.message.content or ""
        return CanaryPrint((_hashed(text, key),)) if text else CanaryPrint()
    listed = choice.logprobs.content if choice.logprobs is not None else None
    alternatives = listed[0].top_logprobs if listed else []
    likeliest: dict[int, float] = {}
    for one in sorted(alternatives, key=lambda one: -one.logprob)[:TOKENS_LIMIT]:
        likeliest.setdefault(_hashed(one.token, key), round(min(0.0, max(_LOWEST, one.logprob)), 5))
    return CanaryPrint(tuple(likeliest), tuple(likeliest.values()))


def _hashed(text: str, key: str) -> int:
    digest = blake2b(text.encode("utf-8", "replace"), digest_size=4, key=key.encode()[:64], person=b"canary")
    return int.from_bytes(digest.digest(), "big")
