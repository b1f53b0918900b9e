"""Whose answers canaries are: which of the models seen so far each pod runs, as far as its likelihoods tell.

A reference is a round that stands for a model. A pod whose round is within the reference's own variance runs
that model. One that is not is a noisy witness: only a second round in a row that is like the first makes
another model, which is one seen before, or a new reference. Rounds that are like neither show how noisy this
model is. A pod of which that is not decided yet differs from nothing.

The variance is the largest distance of the first LEARNT rounds of the model that counted as its own; what is
further than three times that, and than FLOOR, is another.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from llmmonitor_api.report.canaries import CanaryRound, Prints, are_likelihoods, distance

FLOOR = 0.01
"""Below it nothing is a difference: other kernels and batches, on other GPUs, do as much."""
TEXT_FLOOR = 0.25
"""The same where only the beginnings of greedy answers are known: the share that differs."""
TIMES_NOISE = 3.0
NOISE_LIMIT = 0.1
"""The largest variance that is believed: beyond it a witness tells nothing but another model altogether."""
LEARNT = 12
REFERENCES_LIMIT = 3
_HOUR_SECONDS = 3600
HOURS_LIMIT = 200
"""With a round in them, that are remembered."""
PODS_LIMIT = 64
"""More than ask at a time of three versions (`probe_shares`)."""


class Reference(msgspec.Struct, frozen=True):
    """One model as canaries know it."""

    name: str
    suite: int
    prints: Prints
    rounds: int = 1
    noise: float = 0.0
    seen_at: float = 0.0

    @property
    def limit(self) -> float:
        """A round within this distance is of this model."""
        floor = FLOOR if are_likelihoods(self.prints) else TEXT_FLOOR
        return max(floor, TIMES_NOISE * min(self.noise, NOISE_LIMIT))


class PodCanaries(msgspec.Struct, frozen=True):
    """One pod's newest round."""

    asked_at: float
    reference: str = ""
    """The model that it runs; empty: not decided yet."""
    distance: float = 0.0
    """From its reference."""
    doubtful: Prints = ()
    """A round that was like no reference, until the next."""


class HourOfRounds(msgspec.Struct, frozen=True, array_like=True):
    """Rounds of all pods that ended within an hour."""

    rounds: int
    distance: float
    """Of the one that was furthest from its pod's model, by that model's limit."""
    limit: float
    """Of that model then."""


class Canaries(msgspec.Struct, frozen=True):
    """All of it; `Canaries()` before any round."""

    references: tuple[Reference, ...] = ()
    pods: dict[str, PodCanaries] = {}
    """By UID."""
    hours: dict[int, HourOfRounds] = {}
    """By the hour since 1970."""

    def get(self, name: str) -> Reference | None:
        """One of the models."""
        return next((one for one in self.references if one.name == name), None)

    def model_of(self, pod: str) -> str:
        """What a pod runs, in words; empty while that is not decided."""
        known = self.pods.get(pod)
        return f"of model {known.reference}" if known is not None and known.reference else ""


def witnessed(known: Canaries, rounds: Mapping[str, CanaryRound], running: Mapping[str, str]) -> Canaries:
    """What is known with these rounds; the same object if they say nothing new.

    Args:
        known: so far.
        rounds: the newest of each pod that is heard of, by UID.
        running: versions by pod UID, for which of the pods still count.
    """
    for uid, one in rounds.items():
        before = known.pods.get(uid)
        if before is None or one.asked_at != before.asked_at:  # earlier, where a clock was ahead
            known = _with(known, uid, before or PodCanaries(0.0), one)
            known = _remembered(known, uid, one)
    if len(known.pods) > PODS_LIMIT:
        newest = sorted(known.pods.items(), key=lambda one: (one[0] in running, one[1].asked_at))
        known = msgspec.structs.replace(known, pods=dict(newest[-PODS_LIMIT:]))
    return known


def _remembered(known: Canaries, uid: str, one: CanaryRound) -> Canaries:
    """With the round in its hour, if it is known of which model the pod is."""
    pod = known.pods.get(uid)
    model = known.get(pod.reference) if pod is not None and pod.asked_at == one.asked_at else None
    if pod is None or model is None:
        return known
    hour = int(one.asked_at // _HOUR_SECONDS)
    apart, limit = round(pod.distance, 4), round(model.limit, 4)
    so_far = known.hours.get(hour, HourOfRounds(0, 0.0, limit))
    if apart * so_far.limit < so_far.distance * limit:
        apart, limit = so_far.distance, so_far.limit
    hours = {**known.hours, hour: HourOfRounds(so_far.rounds + 1, apart, limit)}
    newest = dict(sorted(hours.items())[-HOURS_LIMIT:])
    return msgspec.structs.replace(known, hours=newest)


def _with(known: Canaries, uid: str, pod: PodCanaries, one: CanaryRound) -> Canaries:
    if distance(one.prints, one.prints) is None:  # too few answers
        return known
    apart = {
        each.name: found
        for each in known.references
        if each.suite == one.suite and (found := distance(each.prints, one.prints)) is not None
    }
    own = known.get(pod.reference) if pod.reference in apart else None
    near = [each for each in known.references if each.name in apart and apart[each.name] <= each.limit]
    nearest = min(near, key=lambda each: apart[each.name], default=None)
    if own in near or own is None:
        nearest = own or nearest
        if nearest is not None:
            return _same(known, uid, nearest, one, apart[nearest.name])
    between = distance(pod.doubtful, one.prints) if pod.doubtful else None
    if not apart or (between is not None and between <= (own.limit if own is not None else _floor(one))):
        return (
            _begun(known, uid, one)
            if nearest is None
            else _same(known, uid, nearest, one, apart[nearest.name])
        )
    if between is not None and own is not None and own.rounds < LEARNT:
        noise = max(own.noise, min(NOISE_LIMIT, between, apart[own.name]))
        known = _replaced(known, msgspec.structs.replace(own, noise=noise))
    doubt = PodCanaries(one.asked_at, pod.reference, apart.get(pod.reference, pod.distance), one.prints)
    return msgspec.structs.replace(known, pods={**known.pods, uid: doubt})


def _floor(one: CanaryRound) -> float:
    return FLOOR if are_likelihoods(one.prints) else TEXT_FLOOR


def _same(known: Canaries, uid: str, reference: Reference, one: CanaryRound, apart: float) -> Canaries:
    noise = max(reference.noise, apart) if reference.rounds < LEARNT else reference.noise
    seen = msgspec.structs.replace(
        reference, rounds=reference.rounds + 1, noise=noise, seen_at=max(reference.seen_at, one.asked_at)
    )
    pods = {**known.pods, uid: PodCanaries(one.asked_at, reference.name, apart)}
    return msgspec.structs.replace(_replaced(known, seen), pods=pods)


def _replaced(known: Canaries, reference: Reference) -> Canaries:
    references = tuple(reference if one.name == reference.name else one for one in known.references)
    return msgspec.structs.replace(known, references=references)


def _begun(known: Canaries, uid: str, one: CanaryRound) -> Canaries:
    """Another model; the one seen longest ago is forgotten for it."""
    number = 1 + max((int(each.name) for each in known.references), default=0)
    new = Reference(str(number), one.suite, one.prints, seen_at=one.asked_at)
    kept = sorted(known.references, key=lambda each: each.seen_at)[-(REFERENCES_LIMIT - 1) :]
    names = {each.name for each in kept}
    pods = {key: pod for key, pod in known.pods.items() if not pod.reference or pod.reference in names}
    pods[uid] = PodCanaries(one.asked_at, new.name)
    return Canaries((*kept, new), pods, known.hours)
