"""Sends one probe to the model's own port and reads the answer: past the relay, marked, and bounded in time.

Chat completions in OpenAI's form, which every engine that we know but Triton answers. One at a time, on a
connection of its own; not streamed, since what is judged is the whole answer. Nothing of it is kept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import aiohttp
import msgspec

from llmmonitor_api.probe_plan import ProbeSetting
from llmmonitor_api.signing.probe_mark import HEADER
from llmmonitor_sidecar.analyser.limits import TOKENS
from llmmonitor_sidecar.probes import completion
from llmmonitor_sidecar.probes.completion import Usage

PATH = "/v1/chat/completions"
DEADLINE_SECONDS = 60.0
"""For an answer, unless its `maxLatency` is longer."""
_ANSWER_BYTES_LIMIT = 4 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_OK, _UNAUTHORIZED, _UNSUPPORTED, _OVERLOADED = 200, (401, 403), (404, 405, 501), (429, 503)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back of one probe."""

    text: str
    seconds: float
    prompt_tokens: int | None
    completion_tokens: int | None
    """None where the server does not say."""


class NoAnswer(Exception):
    """There is nothing to judge; the message says why, in fixed words and figures."""


class Unusable(NoAnswer):
    """Something came, or was worked at until the time was up: it has taken tokens."""

    def __init__(self, message: str, tokens: int) -> None:
        super().__init__(message)
        self.tokens = tokens


class Refused(NoAnswer):
    """It says nothing of this question: it is asked again later."""


class Unauthorized(Refused):
    """The server wants another credential."""


class Unsupported(Refused):
    """The server has no chat completions."""


class Overloaded(Refused):
    """The server has too much to do."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What goes around a question."""

    mark: str
    model: str
    """As the server calls it; empty: it is not named."""
    header: str = ""
    credential: str = ""
    """Empty: none is sent."""
    prefix: str = ""
    """Put before the first message: a prefix cache would answer faster than the model does."""


def body(setting: ProbeSetting, envelope: Envelope) -> bytes:
    """The request: greedy where it is asked once, as the server samples by itself where it is repeated."""
    messages = [{"role": one.role, "content": one.content} for one in setting.messages]
    messages[0]["content"] = envelope.prefix + messages[0]["content"]
    whole: dict[str, object] = {"messages": messages, "max_tokens": setting.max_tokens, "stream": False}
    if envelope.model:
        whole["model"] = envelope.model
    if setting.repeats == 1:
        whole["temperature"] = 0
    return msgspec.json.encode(whole)


def deadline_seconds(setting: ProbeSetting) -> float:
    """How long an answer is waited for."""
    return max(DEADLINE_SECONDS, setting.expected.max_latency_seconds or 0.0)


async def ask(
    session: aiohttp.ClientSession, base_url: str, setting: ProbeSetting, envelope: Envelope
) -> Answer:
    """The model's answer.

    Raises:
        NoAnswer: with what happened instead.
    """
    content, seconds = await post(
        session, base_url, body(setting, envelope), envelope, deadline_seconds(setting)
    )
    return _answer(content, seconds)


async def post(
    session: aiohttp.ClientSession, base_url: str, asked: bytes, envelope: Envelope, limit: float
) -> tuple[bytes, float]:
    """The body of a good answer, and after how many seconds it was there; `limit` of them are waited for.

    Raises:
        NoAnswer: with what happened instead.
    """
    headers = {HEADER: envelope.mark, "Content-Type": "application/json"}
    headers |= bearing(envelope.header, envelope.credential)
    began = time.monotonic()
    try:
        async with session.post(
            base_url + PATH,
            data=asked,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=limit),
        ) as response:
            content = await bounded(response, _ANSWER_BYTES_LIMIT, "an answer")
    except TimeoutError:
        raise NoAnswer(f"no answer within {limit:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise NoAnswer(type(error).__name__) from error
    _check(response.status)
    return content, time.monotonic() - began


def bearing(header: str, credential: str) -> dict[str, str]:
    """The header with the credential, in `Authorization` as a bearer token (RFC 6750); none without one."""
    bearer = "Bearer " if header.lower() == "authorization" else ""
    return {header: bearer + credential} if credential else {}


async def bounded(response: aiohttp.ClientResponse, limit: int, what: str) -> bytes:
    """The body of a response, of at most `limit` bytes.

    Raises:
        NoAnswer: it is longer.
    """
    content = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        content += chunk
        if len(content) > limit:
            raise NoAnswer(f"{what} of more than {limit >> 20} MiB")
    return bytes(content)


def _check(status: int) -> None:
    if status == _OK:
        return
    if status in _UNAUTHORIZED:
        raise Unauthorized(f"HTTP {status}")
    if status in _UNSUPPORTED:
        raise Unsupported(f"HTTP {status}")
    raise Overloaded(f"HTTP {status}") if status in _OVERLOADED else NoAnswer(f"HTTP {status}")


def usage_of(content: bytes) -> tuple[int | None, int | None]:
    """Prompt and completion tokens of a chat completion, as the server counted them."""
    said = completion.read(content)
    usage = (said.usage if said is not None else None) or Usage()
    return believed(usage.prompt_tokens), believed(usage.completion_tokens)


def believed(tokens: int | None) -> int | None:
    """A server's count, if it can be one: budgets and reports hold no other."""
    return tokens if tokens is not None and 0 <= tokens <= TOKENS else None


def _answer(content: bytes, seconds: float) -> Answer:
    said = completion.read(content)
    if said is None:
        raise NoAnswer("an answer that is no chat completion")
    if not said.choices:
        raise NoAnswer("an answer without a choice")
    usage = said.usage or Usage()
    prompt, generated = believed(usage.prompt_tokens), believed(usage.completion_tokens)
    return Answer(said.text, seconds, prompt, generated)
