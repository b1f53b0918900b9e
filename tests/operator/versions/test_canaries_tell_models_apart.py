"""From a sidecar's canaries to versions and an Event: another model is said, noise is not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import msgspec
import pytest
from tests.operator.conftest import Replica, Watch

from llmmonitor_api.conditions.event_reasons import MODEL_CHANGED
from llmmonitor_api.report.canaries import CanaryPrint, CanaryRound, distance
from llmmonitor_api.report.probing import Probing
from llmmonitor_api.report.report import Engine
from llmmonitor_operator.checkpoint import BYTES_LIMIT, decode, encode
from llmmonitor_operator.evaluate import Evaluation
from llmmonitor_operator.state import State
from llmmonitor_operator.versions.canaries import (
    FLOOR,
    PODS_LIMIT,
    REFERENCES_LIMIT,
    Canaries,
    PodCanaries,
    Reference,
    witnessed,
)

Make = Callable[..., Watch]
PROMPTS, TOKENS = 14, 10
QUALITY = {"schedule": "1h", "suites": ["facts"]}
ENGINE = Engine("LlamaCpp", version="b6", model="chat", weights="parameters 5")


def prints(model: int, noise: float = 0.0, seed: int = 0) -> tuple[CanaryPrint, ...]:
    """What a model makes of the prompts, its logits moved by so much at random."""
    own, moved = random.Random(model), random.Random(seed)
    found = []
    for _ in range(PROMPTS):
        logits = {own.randrange(2**32): own.gauss(0, 2) + moved.gauss(0, noise) for _ in range(40)}
        total = math.log(sum(map(math.exp, logits.values())))
        top = sorted(logits.items(), key=lambda one: -one[1])[:TOKENS]
        found.append(CanaryPrint(tuple(t for t, _ in top), tuple(round(x - total, 5) for _, x in top)))
    return tuple(found)


def texts(model: int, differing: int = 0, seed: int = 0) -> tuple[CanaryPrint, ...]:
    """Of a server without likelihoods."""
    own, moved = random.Random(model), random.Random(seed)
    whole = [CanaryPrint((own.randrange(2**32),)) for _ in range(PROMPTS)]
    for place in moved.sample(range(PROMPTS), differing):
        whole[place] = CanaryPrint((moved.randrange(2**32),))
    return tuple(whole)


class Asked:
    """A monitor whose replicas ask canaries, a round an hour."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.replicas = watch, [watch.replica()]

    def round(self, *given: tuple[CanaryPrint, ...], again: bool = False) -> Evaluation:
        """Each replica says one; `again`: the same round as before, in another report."""
        for replica, one in zip(self.replicas, given, strict=True):
            replica.engine = ENGINE
            if not again:
                said = CanaryRound(self.watch.now + 10, 1, "v", one)
                replica.probing = Probing(canaries=said)
        return self.watch.gather(self.replicas, 3600)

    def replica(self, number: int) -> Replica:
        self.replicas.append(self.watch.replica(number))
        return self.replicas[-1]


@pytest.fixture
def asked(watch: Make) -> Asked:
    return Asked(watch(quality=QUALITY))


def changes(result: Evaluation) -> list[str]:
    return [one.message for one in result.transitions if one.reason == MODEL_CHANGED]


def test_other_weights_behind_the_same_name_are_an_event_after_two_rounds_and_a_new_version(
    asked: Asked,
) -> None:
    said = [changes(asked.round(prints(model))) for model in (1, 1, 1, 2, 2, 2)]

    assert said[:4] == [[], [], [], []], "one round may be noise"
    [text] = said[4]
    assert "canaries of model 1 → of model 2" in text
    assert "chat-0" in text
    assert said[5] == []
    assert len(asked.watch.state.versions.versions) == 2


def test_a_change_is_a_new_version_for_probes_and_the_way_back_is_one_too(asked: Asked) -> None:
    running = []
    for model in (1, 1, 2, 2, 1, 1):
        asked.round(prints(model))
        running.append(asked.watch.state.versions.running["uid-0"])

    assert running[0] == running[1] == running[2] == running[5]
    assert running[3] == running[4] != running[0]


def test_one_round_that_differs_and_one_report_read_twice_are_nothing(asked: Asked) -> None:
    told = changes(asked.round(prints(1)))
    for model, again in ((1, False), (2, False), (2, True), (2, True), (1, False), (2, False), (1, False)):
        told += changes(asked.round(prints(model), again=again))

    assert told == []
    assert len(asked.watch.state.canaries.references) == 1


def witnesses(*rounds: tuple[CanaryPrint, ...]) -> list[str]:
    """Which model one pod is taken for after each."""
    known, found = Canaries(), []
    for number, one in enumerate(rounds, 1):
        known = witnessed(known, {"uid": CanaryRound(float(number), 1, "v", one)}, {})
        found.append(known.model_of("uid"))
    return found


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.02, 0.1, 0.4])
def test_noise_of_any_size_is_no_other_model_and_another_model_is_still_found(noise: float) -> None:
    same = [prints(1, noise, seed) for seed in range(60)]
    other = [prints(2, noise, 100 + seed) for seed in range(2)]

    found = witnesses(*same, *other)

    assert found == ["of model 1"] * 61 + ["of model 2"]


def test_a_small_change_of_the_weights_is_found_where_the_model_is_steady(asked: Asked) -> None:
    changed = prints(1, 0.1, seed=7)
    apart = distance(prints(1), changed)
    assert apart is not None
    assert FLOOR < apart < 0.05

    told = [changes(asked.round(one)) for one in (*[prints(1)] * 3, changed, changed)]

    assert [len(one) for one in told] == [0, 0, 0, 0, 1]


def test_servers_without_likelihoods_are_told_apart_by_how_answers_begin() -> None:
    same = [texts(1, differing=seed % 3, seed=seed) for seed in range(12)]

    assert witnesses(*same, texts(2), texts(2)) == ["of model 1"] * 13 + ["of model 2"]


def test_replicas_of_one_model_share_its_reference_and_one_with_other_weights_is_named(asked: Asked) -> None:
    asked.replica(1)
    asked.round(prints(1), prints(1, 0.001, 3))
    assert len(asked.watch.state.canaries.references) == 1

    told = [changes(asked.round(prints(1), prints(2))) for _ in range(2)]

    assert told[0] == []
    assert "chat-1" in told[1][0]
    assert asked.watch.state.canaries.model_of("uid-0") == "of model 1"


def test_a_new_pod_belongs_to_nothing_before_it_has_witnessed_twice(asked: Asked) -> None:
    asked.round(prints(1))
    asked.replica(1)

    first = asked.round(prints(1), prints(2))
    assert asked.watch.state.canaries.model_of("uid-1") == ""
    assert changes(first) == []
    assert len(changes(asked.round(prints(1), prints(2)))) == 1


def test_status_and_checkpoint_have_numbers_and_an_older_one_has_none(asked: Asked) -> None:
    for seed in range(4):
        result = asked.round(prints(1, 0.002, seed))

    canaries = result.status["quality"]["canaries"]
    assert canaries["rounds"] == 4
    assert canaries["distance"] < canaries["limit"] == FLOOR
    restored = decode(encode(asked.watch.state).data)
    assert restored.canaries == asked.watch.state.canaries
    assert all(boot.probing is None or boot.probing.canaries is None for boot in restored.pods["uid-0"].boots)
    asked.watch.state = msgspec.structs.replace(restored, canaries=Canaries())
    assert changes(asked.round(prints(1))) == []


def test_the_most_that_is_kept_takes_a_tenth_of_a_checkpoint() -> None:
    known = Canaries(
        tuple(Reference(str(n), 1, prints(n), 10**6, 0.012345, 1.8e9 + n) for n in range(REFERENCES_LIMIT)),
        {f"{n:036}": PodCanaries(1.8e9 + n, "1", 0.0123 + n, prints(n)) for n in range(PODS_LIMIT)},
    )

    assert len(encode(State(canaries=known)).data) < BYTES_LIMIT / 8


def test_what_is_kept_is_bounded() -> None:
    known = Canaries()
    for number in range(3 * PODS_LIMIT):
        one = CanaryRound(float(number + 1), 1, "v", prints(number // 2))
        known = witnessed(known, {f"uid-{number // 2}": one}, {})

    assert len(known.references) <= REFERENCES_LIMIT
    assert len(known.pods) <= PODS_LIMIT


def test_a_round_of_a_clock_that_was_ahead_holds_no_later_one_up() -> None:
    """Until the year was over no other weights would have been found."""
    known, found = Canaries(), []
    for asked_at, model in ((3.2e7, 1), (1.0, 2), (2.0, 2)):
        known = witnessed(known, {"uid": CanaryRound(asked_at, 1, "v", prints(model))}, {})
        found.append(known.model_of("uid"))

    assert found[-1] == "of model 2"


def test_too_few_answers_say_nothing(asked: Asked) -> None:
    asked.round(prints(1))
    few = (*prints(2)[:5], *[CanaryPrint()] * 9)

    told = [changes(asked.round(few)) for _ in range(3)]

    assert not any(told)
    assert len(asked.watch.state.canaries.references) == 1
