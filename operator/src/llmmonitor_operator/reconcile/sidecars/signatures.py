"""How requests for reports are signed: one signature for some in a row, where the sidecar follows links.

Of each sidecar that says so its chain is kept (`signing.links`). Where a link is not taken (its container
began anew, or a request overtook another), the next request is signed by itself.
"""

from __future__ import annotations

from collections.abc import Collection

from llmmonitor_api.signing import sign_request
from llmmonitor_api.signing.links import Chain
from llmmonitor_operator.keys.keyring import SigningKey


class Signatures:
    """By pod UID."""

    def __init__(self) -> None:
        """Nobody follows links yet."""
        self._chains: dict[str, tuple[str, Chain] | None] = {}
        """The key's name and the chain; None: one may begin."""

    def of(self, path: str, key: SigningKey, uid: str, now: float) -> str:
        """The `Authorization` of one attempt to GET `path`, always the same one, at `now` (Unix seconds)."""
        if uid not in self._chains:
            return sign_request("GET", path, key.private, uid, now)
        known = self._chains[uid]
        if known is not None and known[0] == key.id and (link := known[1].following(now)):
            return link
        chain = Chain(now)
        self._chains[uid] = key.id, chain
        return sign_request("GET", path, key.private, uid, now, chain)

    def heard(self, uid: str, *, follows_links: bool) -> None:
        """It said whether it follows links."""
        if not follows_links:
            self._chains.pop(uid, None)
        else:
            self._chains.setdefault(uid, None)

    def unanswered(self, uid: str) -> None:
        """No answer came: whoever holds requests back gets no second link of one chain to use later."""
        if uid in self._chains:
            self._chains[uid] = None

    def refused(self, uid: str) -> bool:
        """It did not take the last one; whether that may be for its link, so that it is worth another."""
        return self._chains.pop(uid, None) is not None

    def forget_but(self, uids: Collection[str]) -> None:
        """The others are gone."""
        self._chains = {uid: known for uid, known in self._chains.items() if uid in uids}
