"""What the operator asks for on people's behalf: a redacted case, that it goes, that a client's go.

A case leaves sealed to the key in the request, which is the person's own: neither the operator nor who can
read the network sees it. Whose figures are to be erased comes sealed to this sidecar, as keys of a day do.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from llmmonitor_api.review import Gone, Offer, Offered
from llmmonitor_api.signing.sealed import CannotUnseal, sealed, unsealed
from llmmonitor_sidecar.endpoints.answer import Answer, error
from llmmonitor_sidecar.review.buffer import ReviewBuffer

CASE, KIND, SKIP, TO, CLIENT = "case", "kind", "skip", "to", "client"
"""Of the query."""


class People:
    """Answers to verified requests."""

    def __init__(
        self,
        review: ReviewBuffer,
        erase: Callable[[str], tuple[int, int]],
        sealing_key: X25519PrivateKey,
        pod_uid: str,
    ) -> None:
        """Args: erase: forgets a client by address or header; gives how many cases and figures went."""
        self._review = review
        self._erase = erase
        self._sealing_key = sealing_key
        self._pod_uid = pod_uid

    def answer(self, method: str, path: str) -> Answer:
        """The answer to a request of the operator's; `path` with its query."""
        asked = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(asked.query, keep_blank_values=True).items()}
        try:
            if method == "GET":
                return self._offer(query)
            if asked.path == "/v1/review":
                return _json(Gone(self._review.drop(query[CASE])))
            client = unsealed(_bytes(query[CLIENT]), self._sealing_key, self._pod_uid).decode()
            return _json(Gone(*self._erase(client)))
        except CannotUnseal as problem:  # to an analyser before this one: the operator asks anew
            return error(409, "sealed_to_another", str(problem))
        except (KeyError, ValueError) as problem:
            return error(400, "malformed", f"not what the operator asks: {problem!r}")

    def _offer(self, query: dict[str, str]) -> Answer:
        skip = frozenset(filter(None, query.get(SKIP, "").split(",")))
        found = self._review.offer(query.get(KIND), skip)
        if found is None:
            return _json(Offered())
        drawn, case = found
        content = sealed(msgspec.json.encode(case), _bytes(query[TO]), self._pod_uid)
        return _json(Offered(Offer(pod_uid=self._pod_uid, drawn=drawn, sealed=content)))


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, altchars=b"-_", validate=True)
    except binascii.Error as problem:
        raise ValueError(str(problem)) from problem


def _json(content: msgspec.Struct) -> Answer:
    return Answer(200, msgspec.json.encode(content))
