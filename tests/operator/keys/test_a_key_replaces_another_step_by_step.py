from __future__ import annotations

import pytest

from llmmonitor_operator.keys.keyring import Keyring, OldKey, SigningKey
from llmmonitor_operator.keys.rotation import OLD_LIMIT, OLD_SECONDS, OVERLAP_SECONDS, Step, progress, step

NOW = 1_800_000_000.0
ONE, TWO, THREE = SigningKey.new(), SigningKey.new(), SigningKey.new()
OVERLAP = Keyring(ONE, TWO, NOW)


def stepped(
    keys: Keyring,
    word: str = "",
    now: float = NOW,
    waiting: tuple[str, ...] = (),
    needed: frozenset[str] | None = None,
) -> Step:
    return step(keys, word, now, waiting=waiting, needed=needed, new=lambda: TWO)


def test_the_word_now_adds_the_next_key_and_changes_nobodys_signature() -> None:
    begun = stepped(Keyring(ONE), "now")

    assert begun.keys == OVERLAP
    assert TWO.id in begun.said
    assert begun.keys.trusted == (ONE, TWO)


def test_it_takes_over_by_itself_once_all_believe_it_and_the_overlap_is_over() -> None:
    over = NOW + OVERLAP_SECONDS

    assert stepped(OVERLAP, now=over - 1).keys == OVERLAP
    assert stepped(OVERLAP, now=over, waiting=("prod/a",)).keys == OVERLAP
    done = stepped(OVERLAP, now=over).keys
    assert done == Keyring(TWO, old=(OldKey(ONE, over),))
    assert done.trusted == (TWO,)


def test_a_person_may_end_the_overlap() -> None:
    assert stepped(OVERLAP, "finish", NOW + 5, ("prod/a",)).keys == Keyring(TWO, old=(OldKey(ONE, NOW + 5),))


def test_revoked_nothing_of_before_is_left() -> None:
    revoked = stepped(Keyring(ONE, THREE, NOW, (OldKey(SigningKey.new(), 1.0),)), "revoke").keys

    assert revoked == Keyring(TWO)


@pytest.mark.parametrize(
    ("keys", "word", "said"),
    [
        (OVERLAP, "now", "finish"),
        (Keyring(ONE), "finish", "nothing"),
        (Keyring(ONE), "soon", "now, finish"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(keys: Keyring, word: str, said: str) -> None:
    answer = stepped(keys, word)

    assert answer.keys == keys
    assert said in answer.said


def test_an_overlap_that_lost_its_begin_lasts_from_now() -> None:
    assert stepped(Keyring(ONE, TWO)).keys.overlap_since == NOW


def test_an_old_key_stays_as_long_as_a_pod_begins_with_it_alone() -> None:
    keys = Keyring(TWO, old=(OldKey(ONE, NOW),))
    later = NOW + OLD_SECONDS

    assert stepped(keys, now=later, needed=None).keys == keys
    assert stepped(keys, now=later, needed=frozenset({ONE.id})).keys == keys
    assert stepped(keys, now=later - 1, needed=frozenset()).keys == keys
    assert stepped(keys, now=later, needed=frozenset()).keys == Keyring(TWO)


def test_no_number_of_rotations_keeps_more_than_a_few() -> None:
    keys = Keyring(SigningKey.new())
    for number in range(OLD_LIMIT + 5):
        begun = step(keys, "now", NOW + number, waiting=(), needed=None).keys
        keys = step(begun, "finish", NOW + number, waiting=(), needed=None).keys

    assert len(keys.old) == OLD_LIMIT
    assert keys.old[-1].retired_at == NOW + OLD_LIMIT + 4


def test_a_sidecar_is_spoken_to_with_the_newest_key_it_believes() -> None:
    keys = Keyring(TWO, THREE, NOW, (OldKey(ONE, NOW),))

    assert keys.order({TWO.id, THREE.id}, {ONE.id})[0] == THREE
    assert keys.order({TWO.id}, {ONE.id}) == (TWO, ONE)
    assert keys.order((), {ONE.id}) == (TWO, ONE)
    assert keys.order({ONE.id}, {ONE.id}) == (ONE, TWO)
    assert keys.order({"unknown"}, ()) == (TWO,)


def test_how_far_it_has_come_is_said_for_people() -> None:
    assert progress(Keyring(ONE), ()) == ""
    assert "waiting for 4 sidecars: prod/a, prod/b, prod/c and 1 more" in progress(
        OVERLAP, ("prod/a", "prod/b", "prod/c", "prod/d")
    )
    assert "2027-01-16T08:00:00Z or by the word finish" in progress(OVERLAP, ())
