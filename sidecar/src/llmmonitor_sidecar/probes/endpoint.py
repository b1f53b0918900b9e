"""Another model that is asked about answers to probes: an API in OpenAI's form at a URL of the owner's.

One request at a time, bounded in time and size, no redirects. What fails is said in fixed words and figures,
as the reason why a probe has no verdict.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import msgspec

from llmmonitor_api.probe_plan import EndpointSetting
from llmmonitor_sidecar.probes.ask import NoAnswer, Unusable, bearing, bounded

_BYTES_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One, with what it is asked by."""

    session: aiohttp.ClientSession
    setting: EndpointSetting
    credential: str = ""

    async def post(
        self, path: str, body: Mapping[str, object], seconds: float, what: str, *, tokens: int
    ) -> bytes:
        """What comes back of the body, which the model's name is added to.

        Args:
            path: after the base.
            body: the rest of it.
            seconds: after which it is given up.
            what: is asked for, in a word.
            tokens: that it may take at most.

        Raises:
            Unusable: it does not answer in time, or with too much.
            NoAnswer: it does not answer with success.
        """
        headers = {"Content-Type": "application/json"}
        if self.setting.credential:
            headers |= bearing(self.setting.header, self.credential)
        try:
            async with self.session.post(
                self.setting.url + path,
                data=msgspec.json.encode({"model": self.setting.model, **body}),
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                if response.status != 200:  # noqa: PLR2004 - RFC 9110: all is well
                    raise NoAnswer(f"no {what}: HTTP {response.status}")
                try:
                    return await bounded(response, _BYTES_LIMIT, what)
                except NoAnswer as problem:
                    raise Unusable(str(problem), tokens) from None
        except TimeoutError:
            raise Unusable(f"no {what} within {seconds:g} s", tokens) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswer(f"no {what}: {type(error).__name__}") from error
