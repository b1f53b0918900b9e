"""Answers one AdmissionReview in time, whatever happens: when in doubt the pod starts as it is.

The decision is made in a thread, because a time-out cannot interrupt Python that computes; the event loop
answers without it when the time is over. Few threads, and a bound on requests at a time: what is too much is
let through at once. A thread that never ends is seen in `stuck_seconds`, by which the kubelet restarts us.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from llmmonitor_operator.admit.decide import Surroundings
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.webhook import review as reviews
from llmmonitor_operator.webhook.metrics import WebhookMetrics
from llmmonitor_operator.webhook.outcome import Outcome, Result, failed
from llmmonitor_operator.webhook.review import Review, Unreadable

DEADLINE_SECONDS = 1.0
"""Half of what the API server waits (`timeoutSeconds: 2`): the rest is for the way and a busy node."""
BODY_BYTES_LIMIT = 1024 * 1024
"""Etcd takes objects of up to 1.5 MiB: nothing is added to a pod that comes near it. And whoever reaches the
port may send any JSON, which takes up to sixty times its size in memory."""
REQUESTS_LIMIT = 64
"""At a time; at 50 pods a second and 10 ms a pod it is one."""

_THREADS = 4

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Body:
    """What came over the wire."""

    data: bytes
    whole: bool
    """False where it was longer than `BODY_BYTES_LIMIT`: `data` is its beginning then."""


Decide = Callable[[Raw, Surroundings], Outcome]
"""The decision about one pod: pure, quick, may fail."""


class Admitter:
    """Decides about pods in threads of its own; close it in the end."""

    def __init__(
        self,
        around: Callable[[str], Surroundings],
        decide: Decide,
        metrics: WebhookMetrics,
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._around = around
        self._decide = decide
        self._metrics = metrics
        self._deadline_seconds = deadline_seconds
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="admit")
        self._numbers = itertools.count()
        self._running: dict[int, float] = {}
        """Since when each decision is being made."""
        self._requests = 0

    @property
    def requests(self) -> int:
        """Requests being answered."""
        return self._requests

    @property
    def stuck_seconds(self) -> float:
        """For how long the oldest decision has been in the making; 0 without one."""
        return self._monotonic() - min(self._running.values(), default=self._monotonic())

    def close(self) -> None:
        """Take no more; what still runs is left to the end of the process."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def answer(self, receive: Callable[[], Awaitable[Body]]) -> bytes:
        """The AdmissionReview that goes back.

        Args:
            receive: reads the request's body; its time counts, and it may raise `Unreadable`.
        """
        began = self._monotonic()
        if self._requests >= REQUESTS_LIMIT:
            return self._said(Body(b"", whole=False), None, _overloaded(), began)
        self._requests += 1
        body, review = Body(b"", whole=False), None
        try:
            async with asyncio.timeout(self._deadline_seconds):
                body = await receive()
                review = _read(body)
                outcome = await self._outcome(review)
        except TimeoutError:
            outcome = failed("TooSlow", f"deciding took more than {self._deadline_seconds:g} s")
        except Unreadable as error:
            outcome = failed("Unreadable", str(error))
        except Exception as error:  # noqa: BLE001 - the API server gets an answer whatever happens
            _log.exception("deciding about a pod")
            outcome = failed("Error", f"{type(error).__name__}: {error}")
        finally:
            self._requests -= 1
        return self._said(body, review, outcome, began)

    async def _outcome(self, review: Review) -> Outcome:
        if review.pod is None:
            return Outcome(Result.UNTOUCHED, "NoPodCreated")
        around = self._around(review.namespace)
        if not around.monitors:
            return Outcome(Result.UNTOUCHED, "NoMonitor")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._in_thread, review.pod, around)

    def _in_thread(self, pod: Raw, around: Surroundings) -> Outcome:
        number = next(self._numbers)
        self._running[number] = self._monotonic()
        try:
            return self._decide(pod, around)
        finally:
            del self._running[number]

    def _said(self, body: Body, review: Review | None, outcome: Outcome, began: float) -> bytes:
        seconds = self._monotonic() - began
        self._metrics.answered(outcome, seconds)
        if outcome.result is not Result.UNTOUCHED:
            level = logging.WARNING if outcome.result is Result.FAILED else logging.INFO
            pod = f"{review.namespace}/{review.pod_name}" if review else "?"
            _log.log(
                level,
                "%s pod=%s reason=%s milliseconds=%.1f %s",
                outcome.result,
                pod,
                outcome.reason,
                1000 * seconds,
                outcome.warning,
            )
        uid = review.uid if review else reviews.uid_in(body.data)
        return reviews.answer(uid, outcome.patch, outcome.warning, outcome.hint)


def _read(body: Body) -> Review:
    if not body.whole:
        limit = BODY_BYTES_LIMIT // 1024**2
        raise Unreadable(f"the request is longer than {limit} MiB; a pod of this size gets no sidecar")
    return reviews.read(body.data)


def _overloaded() -> Outcome:
    return failed("Overloaded", f"{REQUESTS_LIMIT} pods are being decided about already")
