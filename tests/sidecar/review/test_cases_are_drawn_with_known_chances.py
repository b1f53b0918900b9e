from __future__ import annotations

from collections import Counter

import pytest

from llmmonitor_api.configuration import ReviewSetting
from llmmonitor_api.interactions.kinds import Origin
from llmmonitor_sidecar.detectors.finding import Finding, Heard
from llmmonitor_sidecar.detectors.said import Message
from llmmonitor_sidecar.review.buffer import ReviewBuffer

DAY = 86_400.0
SETTING = ReviewSetting(max_cases=200, max_age_seconds=7 * DAY)
FOUND = Finding("jailbreak", "injection-rules", 1, Origin.USER)
SURE = Finding("piiExposed", "pii", 1, Origin.ANSWER, verified=True)


def heard(text: str) -> Heard:
    return Heard(context=(Message(Origin.USER, text),), answers=("fine",), complete=True)


def on(seed: int = 1, setting: ReviewSetting = SETTING) -> ReviewBuffer:
    buffer = ReviewBuffer(seed)
    buffer.configure(setting)
    return buffer


def test_off_keeps_nothing_and_turning_it_off_erases_what_there_was() -> None:
    off = ReviewBuffer(1)
    off.take(heard("a"), [FOUND], "", 0.0)
    assert (off.state(0.0), off.offer()) == (None, None)

    buffer = on()
    buffer.take(heard("a"), [FOUND], "", 0.0)
    buffer.offer()
    buffer.take(heard("b"), [FOUND], "", 0.0)
    buffer.configure(None)
    buffer.configure(SETTING)

    assert buffer.offer() is None


def test_every_exchange_has_the_same_chance_and_the_chance_is_said() -> None:
    kept: Counter[str] = Counter()
    for seed in range(600):
        buffer = on(seed)
        for number in range(40):
            buffer.take(heard(f"the {number}th"), [FOUND], "", 0.0)
        found = buffer.offer()
        assert found is not None
        drawn, _ = found
        assert (drawn.population, drawn.sample) == (40, 8)
        skip = set[str]()
        while (found := buffer.offer("jailbreak", skip)) is not None:
            skip.add(found[0].case)
            kept[found[1].parts[0].text] += 1
        assert len(skip) == 8

    assert len(kept) == 40
    expected = 600 * 8 / 40
    chi_square = sum((n - expected) ** 2 / expected for n in kept.values())
    assert chi_square < 75  # 39 degrees of freedom: beyond 72.1 once in a thousand


def test_it_is_said_of_how_many_exchanges_the_flagged_ones_were() -> None:
    buffer = on()
    for number in range(30):
        buffer.take(heard(f"plain {number}"), [], "00aa", 0.0)
    for number in range(10):
        buffer.take(heard(f"plain {number}"), [], "00aa", 0.0)
        buffer.take(heard(f"found {number}"), [FOUND], "00aa", 0.0)
        buffer.take(heard(f"of another slot {number}"), [], "01aa", 0.0)

    found = buffer.offer("jailbreak")

    assert found is not None
    assert (found[0].population, found[0].of) == (10, 19)  # from the first that was flagged on


def test_a_loud_client_leaves_room_for_others() -> None:
    buffer = on()
    for number in range(1_000):
        buffer.take(heard(f"loud {number}"), [FOUND], "00ff", 0.0)
    buffer.take(heard("rare"), [FOUND], "01ff", 0.0)

    texts, skip = set[str](), set[str]()
    while (found := buffer.offer(None, skip)) is not None:
        skip.add(found[0].case)
        texts.add(found[1].parts[0].text)

    assert "rare" in texts
    assert len(texts) == 9


def test_detectors_surenesses_and_unflagged_ones_are_told_apart() -> None:
    buffer = on()
    buffer.take(heard("both"), [FOUND, SURE], "", 0.0)
    buffer.take(heard("nothing"), [], "", 0.0)

    cells, skip = set[object](), set[str]()
    while (found := buffer.offer(None, skip)) is not None:
        drawn, _ = found
        skip.add(drawn.case)
        cells.add((drawn.kind, drawn.detector, drawn.version, drawn.band))

    assert cells == {
        ("jailbreak", "injection-rules", 1, "suspected"),
        ("piiExposed", "pii", 1, "verified"),
        ("", "", 0, "unflagged"),
    }


def test_a_batch_that_was_looked_into_is_not_added_to() -> None:
    buffer = on()
    buffer.take(heard("before"), [FOUND], "", 0.0)
    first = buffer.offer()
    assert first is not None
    for number in range(20):
        buffer.take(heard(f"after {number}"), [FOUND], "", 0.0)

    batches, skip = dict[str, int](), set[str]()
    while (found := buffer.offer(None, skip)) is not None:
        skip.add(found[0].case)
        batches[found[0].batch] = found[0].population

    assert batches[first[0].batch] == 1
    assert sorted(batches.values()) == [1, 20]


def test_cases_are_bounded_in_number_and_in_age() -> None:
    buffer = on(setting=ReviewSetting(max_cases=10, max_age_seconds=4 * DAY))
    for number in range(100):
        for slot in ("00", "01", "02", "03"):
            buffer.take(heard(f"one {number}"), [FOUND], slot, 0.0)
    state = buffer.state(0.0)
    assert state is not None
    assert state.waiting == 10

    buffer.tick(2 * DAY)
    buffer.take(heard("young"), [FOUND], "", 2 * DAY)
    buffer.tick(4 * DAY)

    state = buffer.state(4 * DAY)
    assert state is not None
    assert (state.waiting, state.oldest_seconds) == (1, 2 * DAY)


def test_a_long_conversation_is_cut_to_its_last_messages() -> None:
    context = tuple(Message(Origin.USER, f"{number} " + "word " * 2_000) for number in range(30))
    buffer = on()
    buffer.take(Heard(context=context, answers=("the answer",)), [FOUND], "", 0.0)

    found = buffer.offer()

    assert found is not None
    parts, left_out = found[1].parts, found[1].left_out
    assert parts[-1].text == "the answer"
    assert sum(len(one.text) for one in parts) <= 16_100
    assert len(parts) + left_out == 31


def test_a_client_is_erased_and_the_rest_is_a_sample_still() -> None:
    buffer = on()
    for number in range(30):
        buffer.take(heard(f"a {number}"), [FOUND], "00aa", 0.0)
        buffer.take(heard(f"b {number}"), [FOUND], "00bb", 0.0)
    buffer.offer()
    for number in range(30):
        buffer.take(heard(f"c {number}"), [FOUND], "00aa", 0.0)

    gone = buffer.erase("00aa")

    texts, skip = set[str](), set[str]()
    while (found := buffer.offer(None, skip)) is not None:
        skip.add(found[0].case)
        texts.add(found[1].parts[0].text)
    assert gone > 8
    assert texts
    assert all(one.startswith("b ") for one in texts)


@pytest.mark.parametrize("client", ["", "00aa"])
def test_the_clients_hash_does_not_leave(client: str) -> None:
    buffer = on()
    buffer.take(heard("a"), [FOUND], client, 0.0)

    found = buffer.offer()

    assert found is not None
    assert bool(found[0].client) == bool(client)
    assert "00aa" not in str(found)
