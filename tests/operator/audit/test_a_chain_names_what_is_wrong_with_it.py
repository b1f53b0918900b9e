from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from llmmonitor_operator.audit.chain import (
    VOLUMES_LIMIT,
    Chain,
    ChainFull,
    appended,
    chain_of,
    continued,
    key_of,
)
from llmmonitor_operator.audit.record import Entry, What, line_of, read
from llmmonitor_operator.audit.stray import RECORDS_LIMIT
from llmmonitor_operator.audit.verify import Verified, verify

UID = "11111111-2222-4333-8444-555555555555"
AT = "2027-01-15T08:00:00Z"


def chain(records: int) -> Chain:
    grown = Chain(UID)
    for number in range(1, records + 1):
        entry = Entry(who="ada", what=What.VERDICT, about=f"case {number}", why="a false alarm")
        grown = appended(grown, entry, AT)
    return grown


def verified(lines: dict[str, str], **said: object) -> Verified:
    return verify(UID, [lines], **said)  # type: ignore[arg-type]  # what the status says, as given


def test_a_chain_that_nobody_touched_is_whole() -> None:
    grown = chain(5)

    found = verified(dict(grown.lines), records=5, head=grown.head, expected=chain(3).head)

    assert found.problems == ()
    assert [one.number for one in found.records] == [1, 2, 3, 4, 5]
    assert found.head == grown.head


def test_a_record_that_was_changed_is_named() -> None:
    lines = dict(chain(5).lines)
    changed = msgspec.structs.replace(read(lines[key_of(3)]), who="somebody else")

    found = verified(lines | {key_of(3): line_of(changed)})

    assert found.problems == (
        "record 3 was changed after record 4 was written: its digest is not the one that record 4 has of it",
    )


def test_the_last_record_that_was_changed_is_named_by_the_status() -> None:
    grown = chain(2)
    changed = msgspec.structs.replace(read(grown.lines[key_of(2)]), why="right")
    lines = {**grown.lines, key_of(2): line_of(changed)}

    assert verified(lines).problems == ()  # nothing in the chain itself can tell
    [problem] = verified(lines, records=2, head=grown.head).problems
    assert problem.startswith("record 2 has another digest than the status says")


def test_records_that_are_missing_are_named() -> None:
    grown = chain(6)

    middle = {key: line for key, line in grown.lines.items() if key not in {key_of(3), key_of(4)}}
    begin = {key: line for key, line in grown.lines.items() if key != key_of(1)}
    end = {key: line for key, line in grown.lines.items() if key not in {key_of(5), key_of(6)}}

    assert verified(middle).problems == ("records 3 to 4 are missing",)
    assert verified(begin).problems == ("record 1 is missing",)
    assert verified(end, records=6, head=grown.head).problems == (
        "records 5 to 6 are missing: the status says that there were 6",
    )


def test_records_in_each_others_place_are_named() -> None:
    lines = dict(chain(4).lines)
    lines[key_of(2)], lines[key_of(3)] = lines[key_of(3)], lines[key_of(2)]

    problems = verified(lines).problems

    assert "record 3 stands in the place of record 2: reordered" in problems
    assert "record 2 stands in the place of record 3: reordered" in problems


def test_a_line_that_is_no_record_is_named() -> None:
    lines = {**chain(3).lines, key_of(2): "{"}

    problems = verified(lines).problems

    assert any(one.startswith("record 2 is damaged") for one in problems)


def _forged(number: int) -> str:
    record = read(chain(1).lines[key_of(1)])
    return line_of(msgspec.structs.replace(record, number=number, who="eve"))


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("99999999", "by hand"),
        ("99999999", _forged(99_999_999)),
        ("00009000", ""),
        ("00001000", _forged(1_000)),
        ("a note", "by hand"),
    ],
)
@pytest.mark.parametrize("many", [1, 5, RECORDS_LIMIT - 2])
def test_a_key_written_by_hand_is_named_and_the_chain_goes_on(key: str, line: str, many: int) -> None:
    grown = chain(many)
    found = chain_of(UID, range(1, 2), {**grown.lines, key: line})

    assert (found.number, found.head) == (many, grown.head)
    further = appended(found, Entry(who="ada", what=What.LOOK), AT)
    assert further.number == many + 1
    assert further.lines[key] == line, "nothing is taken out of a volume"
    [problem] = verified(dict(further.lines), records=many + 1, head=further.head).problems
    assert repr(key) in problem
    assert [one.what for one in further.newest_first(What.VERDICT)] == ["Verdict"] * many


def test_a_volume_that_holds_nothing_but_such_a_key_has_no_record() -> None:
    found = chain_of(UID, range(1, 2), {"99999999": "by hand"})

    assert continued(found, 7, AT).number == 8


def test_what_follows_lost_records_is_no_stray_however_many_they_were() -> None:
    lost = appended(continued(chain(3), 90_000, AT), Entry(who="ada", what=What.LOOK), AT)

    found = chain_of(UID, range(1, 2), lost.lines)

    assert (found.number, found.head) == (90_002, lost.head)
    assert verified(dict(lost.lines)).problems[0] == "records 4 to 90000 are missing"


def test_another_monitors_chain_is_not_taken_for_ones_own() -> None:
    assert verify("another", [chain(2).lines]).problems == (
        "record 1 begins another monitor's chain: its digest is not the one that record 1 has of it",
    )


def test_a_digest_that_was_noted_must_be_in_the_chain() -> None:
    rewritten = appended(Chain(UID), Entry(who="eve", what=What.LOOK), AT)

    [problem] = verified(
        dict(rewritten.lines), records=1, head=rewritten.head, expected=chain(1).head
    ).problems

    assert chain(1).head in problem


def test_a_full_volume_is_followed_by_another_and_the_chain_runs_on() -> None:
    first = chain(RECORDS_LIMIT)
    second = appended(first, Entry(who="ada", what=What.LOOK), AT)

    assert [len(first.lines), len(second.lines)] == [RECORDS_LIMIT, 1]
    assert (first.volume, second.volume) == (1, 2)
    whole = verify(UID, [first.lines, second.lines], records=RECORDS_LIMIT + 1, head=second.head)
    assert whole.problems == ()


def test_what_is_trimmed_is_recorded_and_not_missing() -> None:
    grown = chain(RECORDS_LIMIT + 1)
    trimmed = appended(grown, Entry(who="the operator", what=What.TRIMMED, count=RECORDS_LIMIT), AT)

    assert verified(dict(trimmed.lines)).problems == ()
    assert verified(dict(grown.lines)).problems == (f"records 1 to {RECORDS_LIMIT} are missing",)


def test_a_chain_with_as_many_volumes_as_it_may_have_takes_nothing_more() -> None:
    last = replace(chain(RECORDS_LIMIT), volume=VOLUMES_LIMIT)

    with pytest.raises(ChainFull, match="no content is shown"):
        appended(last, Entry(who="ada", what=What.LOOK), AT)

    trimmed = replace(last, first_volume=2)
    assert appended(trimmed, Entry(who="ada", what=What.LOOK), AT).volume == VOLUMES_LIMIT + 1


def test_a_chain_that_lost_its_end_goes_on_and_says_so() -> None:
    left = {key: line for key, line in chain(5).lines.items() if key <= key_of(3)}

    grown = continued(chain_of(UID, range(1, 2), left), 5, AT)
    grown = appended(grown, Entry(who="ada", what=What.LOOK), AT)

    problems = verified(dict(grown.lines), records=7, head=grown.head).problems
    assert problems[0] == "records 4 to 5 are missing"
    assert "2 were lost" in problems[1]
    assert len(problems) == 2


def test_texts_that_are_too_long_are_cut() -> None:
    long = appended(Chain(UID), Entry(who="é" * 5000, what=What.LOOK, why="\u2028" * 5000), AT)

    [line] = long.lines.values()
    assert len(line.encode()) < 8 * 1024
    assert read(line).who.endswith("…")
