"""A client for the model's own port that can neither hurt the model nor be hurt by it.

It asks the model directly, never through the relay: our own requests are not traffic. One connection at a
time, closed after each answer (an open one would count as a client that bypasses the relay), no redirects,
no cookies, no proxies, no decompression, and never more bytes than asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp

TIMEOUT_SECONDS = 2.0
_CHUNK_BYTES = 64 * 1024


class Unanswered(Exception):
    """The model gave no usable answer; the message says what happened."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: bytes


def model_session(timeout_seconds: float = TIMEOUT_SECONDS) -> aiohttp.ClientSession:
    """A session for `get`; the caller closes it."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=1, force_close=True),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=timeout_seconds),
        headers={"Accept-Encoding": "identity", "User-Agent": "llm-monitor"},
    )


async def get(session: aiohttp.ClientSession, url: str, bytes_limit: int) -> Reply:
    """GET `url`, at most `bytes_limit` bytes of body.

    Raises:
        Unanswered: if there is no answer in time, or it is larger.
    """
    try:
        async with session.get(url, allow_redirects=False) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > bytes_limit:
                    raise Unanswered(f"GET {url}: more than {bytes_limit} bytes")
            return Reply(response.status, bytes(body))
    except TimeoutError:
        raise Unanswered(f"GET {url}: no answer within {session.timeout.total} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Unanswered(f"GET {url}: {error or type(error).__name__}") from error
