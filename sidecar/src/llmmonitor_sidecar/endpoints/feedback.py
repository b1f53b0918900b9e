"""`POST /v1/feedback`: what somebody makes of one answer, as a score or a label, by the answer's id.

Whoever has an answer's id was given the answer, or was told of it by somebody who was: without a token of the
owner's, the id is the credential. It lets one say one thing of one answer, and another thing later. What a
flood can do is bounded: ids that are not known have an allowance of their own, so that guessing takes nothing
from those who know one; bodies are small; nothing that is sent is kept, logged or repeated to anybody else.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from llmmonitor_api.configuration import OutcomesSetting
from llmmonitor_api.report.live_outcomes import NEGATIVE, NEUTRAL, POSITIVE
from llmmonitor_sidecar.endpoints.answer import Answer, as_json, error
from llmmonitor_sidecar.signals.live_outcomes import CHANGES_LIMIT, LiveOutcomeCounter, Rated

PATH = "/v1/feedback"
TOKEN = "LLM_MONITOR_FEEDBACK_TOKEN"  # noqa: S105 - a variable's name, no secret
BODY_BYTES_LIMIT = 2048
RATE_PER_SECOND = 50.0
BURST = 500.0
_MIDDLE = 0.5
_NS = 1e-9
_FORM = (
    '{"response_id": "…", "score": 0 to 1}, or label: "positive", "neutral" or "negative" instead of score'
)


class _Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    response_id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    score: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    label: Literal["positive", "neutral", "negative"] | None = None

    @property
    def verdict(self) -> str:
        """Of a score, the half that it lies in."""
        if self.label is not None:
            return self.label
        score = self.score if self.score is not None else _MIDDLE
        return NEUTRAL if score == _MIDDLE else POSITIVE if score > _MIDDLE else NEGATIVE


class _Allowance:
    """A token bucket: BURST at once, then RATE_PER_SECOND."""

    def __init__(self) -> None:
        self._left = BURST
        self._at_ns = 0

    def take(self, now_ns: int) -> bool:
        """Whether one more may be."""
        self._left = min(BURST, self._left + max(0, now_ns - self._at_ns) * _NS * RATE_PER_SECOND)
        self._at_ns = max(now_ns, self._at_ns)
        if self._left < 1:
            return False
        self._left -= 1
        return True


class FeedbackDesk:
    """Takes feedback, while the owner wants it."""

    def __init__(
        self, outcomes: LiveOutcomeCounter, token: str = "", read_on: Callable[[], None] = lambda: None
    ) -> None:
        """Args.

        outcomes: knows the answers, and counts.
        token: as this sidecar was given it; empty: it was given none.
        read_on: reads what the relay has copied so far, for feedback that comes with the answer's end.
        """
        self._outcomes = outcomes
        self._token = token
        self._read_on = read_on
        self._setting: OutcomesSetting | None = None
        self._known, self._unknown = _Allowance(), _Allowance()
        self.refusals: Counter[str] = Counter()
        """By reason."""

    def configure(self, setting: OutcomesSetting | None) -> None:
        """None: no feedback is taken."""
        self._setting = setting

    def refused(self, authorization: str) -> Answer | None:
        """Why this caller's feedback is not even read; None if it is."""
        if self._setting is None:
            return self._refuse(
                403, "not_asked_for", "the monitor takes no feedback: spec.quality.outcomes is not set"
            )
        if not self._setting.token:
            return None
        if not self._token:
            return self._refuse(
                503,
                "no_token",
                "the monitor asks for a token and this sidecar was given none: the Secret is missing, or the"
                " sidecar was attached to a running pod; restart the pod",
            )
        wanted = f"Bearer {self._token}".encode()
        if hmac.compare_digest(authorization.encode("utf-8", "replace"), wanted):
            return None
        answer = self._refuse(401, "missing", "give the token of spec.quality.outcomes.feedbackAuth: Bearer")
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def too_large(self) -> Answer:
        """For a body beyond BODY_BYTES_LIMIT."""
        return self._refuse(413, "too_large", f"feedback has at most {BODY_BYTES_LIMIT} bytes: {_FORM}")

    def take(self, body: bytes, now_ns: int) -> Answer:
        """Count it, or say why not."""
        try:
            given = msgspec.json.decode(body, type=_Given)
        except msgspec.ValidationError as problem:
            return self._refuse(422, "invalid", f"{problem}; give {_FORM}")
        except msgspec.DecodeError:
            return self._refuse(400, "malformed", f"no JSON; give {_FORM}")
        if (given.score is None) == (given.label is None):
            return self._refuse(422, "invalid", f"give either score or label: {_FORM}")
        known = self._outcomes.knows(given.response_id, now_ns)
        if not (self._known if known else self._unknown).take(now_ns):
            return self._too_many()
        if not known:
            self._read_on()
        return self._counted(given, now_ns)

    def _counted(self, given: _Given, now_ns: int) -> Answer:
        rated = self._outcomes.rate(given.response_id, given.verdict, now_ns)
        if rated is Rated.UNKNOWN:
            return self._refuse(
                404,
                "unknown_response",
                "no answer with this id was seen here lately; another replica may have given it",
            )
        if rated is Rated.AMBIGUOUS:
            return self._refuse(
                409, "ambiguous_response", "the model server gave several answers this id, so none is meant"
            )
        if rated is Rated.TOO_OFTEN:
            return self._refuse(429, "changed_too_often", f"it was changed {CHANGES_LIMIT} times already")
        return as_json({"counted": given.verdict, "replaced": rated is Rated.REPLACED})

    def _too_many(self) -> Answer:
        answer = self._refuse(429, "too_many", f"more than {RATE_PER_SECOND:g} a second")
        answer.headers["Retry-After"] = "1"
        return answer

    def _refuse(self, status: int, reason: str, message: str) -> Answer:
        self.refusals[reason] += 1
        return error(status, reason, message)
