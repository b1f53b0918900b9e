"""Given exchanges on a wire and feedback, when the sidecar counts, then people's doings alone are counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.sidecar.detectors.conversation import Chat

from llmmonitor_api.configuration import Configuration, OutcomesSetting
from llmmonitor_api.report.clients import MINUTES_SECONDS
from llmmonitor_api.report.live_outcomes import LiveOutcomes
from llmmonitor_sidecar.signals.live_outcomes import CHANGES_LIMIT, Rated
from llmmonitor_sidecar.signals.wording import asks_the_same, words_of
from llmmonitor_sidecar.tee import CloseReason, Kind, TeeRecord, encode_addresses

QUESTION = "How do I reset the password of my account?"
FIRST = [("user", "Which plans are there for small companies?"), ("assistant", "Two.")]
MINUTE = 60 * 10**9


class Talk(Chat):
    """A chat whose answers have ids, of a sidecar that counts outcomes."""

    def __init__(self, *, counts: bool = True) -> None:
        super().__init__()
        self.reader.configure(Configuration(outcomes=OutcomesSetting() if counts else None))

    def ask(
        self, *turns: tuple[str, str] | str, answer_id: str = "", client: str = "10.0.0.7", **fields: Any
    ) -> None:
        headers = fields.pop("headers", b"")
        said = [("user", turn) if isinstance(turn, str) else turn for turn in turns]
        request = {"messages": [{"role": role, "content": text} for role, text in said], **fields}
        choice = {"index": 0, "message": {"content": "Fine."}, "finish_reason": "stop"}
        answer = {"id": answer_id, "choices": [choice]}
        self.exchange(request, json.dumps(answer).encode(), client=client, headers=headers)

    def rate(self, answer_id: str, verdict: str) -> Rated:
        return self.reader.outcomes.rate(answer_id, verdict, self.now_ns)

    @property
    def outcomes(self) -> LiveOutcomes:
        return self.reader.totals.live_outcomes


@pytest.fixture
def talk() -> Talk:
    return Talk()


def test_feedback_counts_for_an_answer_that_was_seen_and_the_latest_of_several(talk: Talk) -> None:
    talk.ask(QUESTION, answer_id="chatcmpl-one")
    talk.ask("Something quite different, please answer", answer_id="chatcmpl-two")
    talk.ask("And an answer that has no name at all")

    assert talk.rate("chatcmpl-one", "positive") is Rated.COUNTED
    assert talk.rate("chatcmpl-one", "negative") is Rated.REPLACED
    assert talk.rate("chatcmpl-two", "neutral") is Rated.COUNTED
    assert talk.rate("chatcmpl-of-another-replica", "negative") is Rated.UNKNOWN

    found = talk.outcomes
    assert (found.answers, found.identified, found.rated, found.unknown) == (3, 2, 2, 1)
    assert found.given == {"positive": 1, "negative": 1, "neutral": 1}
    assert found.withdrawn == {"positive": 1}


def test_an_id_that_two_answers_bear_is_nobodys(talk: Talk) -> None:
    talk.ask(QUESTION, answer_id="chatcmpl-7")
    talk.ask("Something quite different, please answer", answer_id="chatcmpl-7")

    assert talk.rate("chatcmpl-7", "negative") is Rated.AMBIGUOUS

    assert (talk.outcomes.identified, talk.outcomes.ambiguous, talk.outcomes.given) == (1, 1, {})


def test_feedback_of_one_answer_is_changed_so_often_and_no_oftener(talk: Talk) -> None:
    talk.ask(QUESTION, answer_id="a")

    said = [talk.rate("a", "positive") for _ in range(CHANGES_LIMIT + 1)]

    assert said == [Rated.COUNTED, *[Rated.REPLACED] * (CHANGES_LIMIT - 1), Rated.TOO_OFTEN]
    assert talk.outcomes.given["positive"] - talk.outcomes.withdrawn["positive"] == 1


def test_an_answer_is_forgotten_after_a_day(talk: Talk) -> None:
    talk.ask(QUESTION, answer_id="a")

    talk.now_ns += 25 * 60 * MINUTE

    assert talk.rate("a", "positive") is Rated.UNKNOWN


def test_who_asks_the_same_after_an_answer_regenerates_it(talk: Talk) -> None:
    talk.ask(*FIRST, QUESTION)
    talk.ask(*FIRST, QUESTION)
    talk.ask(*FIRST, QUESTION, client="10.9.9.9")
    talk.ask(*FIRST, QUESTION, model="another")
    talk.ask(("system", "Be short."), *FIRST, QUESTION)

    assert (talk.outcomes.compared, talk.outcomes.regenerated, talk.outcomes.repeated) == (5, 1, 0)


def test_what_is_asked_again_much_later_is_new(talk: Talk) -> None:
    talk.ask(QUESTION)
    talk.now_ns += 16 * MINUTE
    talk.ask(QUESTION)

    assert (talk.outcomes.compared, talk.outcomes.regenerated) == (2, 0)


def test_a_program_that_asks_the_same_over_and_over_regenerates_nothing_more(talk: Talk) -> None:
    for _ in range(100):
        talk.ask("Is the service alive and well?")
        talk.now_ns += 10 * MINUTE

    assert (talk.outcomes.compared, talk.outcomes.regenerated, talk.outcomes.repeated) == (4, 3, 96)


def test_what_is_asked_twice_at_once_is_no_second_try() -> None:
    talk = Talk()
    request = json.dumps({"messages": [{"role": "user", "content": QUESTION}]}).encode()
    answer = b'{"choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    opened = encode_addresses("10.0.0.7", 4000, "10.0.0.1", 8000)
    asked = [(Kind.OPEN, 0, opened), (Kind.DATA, 0, head % len(request) + request)]
    said = [(Kind.DATA, 1, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))]

    for at, part in ((1, asked), (2, said)):
        talk.reader.take(
            TeeRecord(kind, number, side, at * MINUTE + number, data)
            for number in (1, 2)
            for kind, side, data in part
        )

    assert (talk.outcomes.answers, talk.outcomes.regenerated, talk.outcomes.repeated) == (2, 0, 1)


def test_who_asks_nearly_the_same_after_an_answer_rephrases(talk: Talk) -> None:
    before = [("user", QUESTION), ("assistant", "Ask your administrator.")]

    talk.ask(*before, "Please, how do I reset the password of my account myself?")
    talk.ask(*before, "How much do you charge for small companies?")
    talk.ask(*before, "And then?")

    assert (talk.outcomes.followed, talk.outcomes.rephrased) == (2, 1)


def test_who_writes_the_last_message_anew_rephrases_it_too(talk: Talk) -> None:
    talk.ask(*FIRST, QUESTION)
    talk.ask(*FIRST, "How do I quickly reset the password of my account?")
    talk.ask(*FIRST, "How do I quickly reset the password of my account?")

    found = talk.outcomes
    assert (found.followed, found.rephrased, found.regenerated, found.compared) == (2, 1, 1, 3)


def test_an_agent_that_goes_on_by_itself_asks_nothing_again(talk: Talk) -> None:
    loop = [("user", QUESTION), ("assistant", "calls a tool"), ("tool", "its result")]

    talk.ask(*loop)
    talk.ask(*loop)

    assert talk.outcomes.compared == 0


def test_completions_of_code_are_no_conversation(talk: Talk) -> None:
    for _ in range(2):
        talk.exchange({"prompt": "def reset_the_password(account, user):"}, b"{}", path=b"/v1/completions")

    assert (talk.outcomes.answers, talk.outcomes.compared) == (2, 0)


@pytest.mark.parametrize(("pieces", "begun", "stopped"), [(0, 0, 0), (2, 1, 1)])
def test_who_leaves_within_an_answer_stops_it(pieces: int, begun: int, stopped: int) -> None:
    talk = Talk()
    request = json.dumps({"stream": True, "messages": [{"role": "user", "content": QUESTION}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(request)
    chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "word"}}]}\n\n'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + chunk * pieces

    talk.reader.take(
        TeeRecord(kind, 1, side, MINUTE, data)
        for kind, side, data in (
            (Kind.OPEN, 0, encode_addresses("10.0.0.7", 4000, "10.0.0.1", 8000)),
            (Kind.DATA, 0, head + request),
            (Kind.DATA, 1, answer),
            (Kind.CLOSE, 0, CloseReason.CLIENT_RESET),
        )
    )

    assert (talk.outcomes.begun, talk.outcomes.stopped) == (begun, stopped)


def test_a_whole_stream_is_not_stopped(talk: Talk) -> None:
    talk.stream(QUESTION, ["one", "two"])

    assert (talk.outcomes.begun, talk.outcomes.stopped) == (1, 0)


def test_versions_are_compared_by_what_single_clients_do_too(talk: Talk) -> None:
    cell = MINUTES_SECONDS * 10**9
    talk.reader.clients.name_by("X-User", "day-1", b"k" * 32)
    talk.now_ns = cell // 2
    talk.ask(QUESTION, headers=b"X-User: ann\r\n")
    talk.now_ns = cell

    for _ in range(2):
        talk.ask(*FIRST, QUESTION, headers=b"X-User: ann\r\n")

    told = talk.reader.clients.report(2 * cell, b"")
    [ann] = told.met.values()
    assert told.measures == ("regenerated", "rephrased", "stopped")
    assert (ann.events, ann.bad) == ((2, 1, 0), (1, 0, 0))


def test_nothing_is_counted_unless_asked_for() -> None:
    talk = Talk(counts=False)

    talk.ask(*FIRST, QUESTION, answer_id="a")
    talk.ask(*FIRST, QUESTION, answer_id="b")

    assert talk.outcomes == LiveOutcomes()
    assert talk.rate("a", "positive") is Rated.UNKNOWN


def test_what_was_counted_stays_when_counting_ends(talk: Talk) -> None:
    talk.ask(QUESTION, answer_id="a")

    talk.reader.configure(Configuration())
    talk.ask(QUESTION, answer_id="b")

    assert talk.outcomes.answers == 1, "a report never goes back"
    assert talk.rate("a", "positive") is Rated.UNKNOWN


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("How do I reset my password?", "How can I reset the password please?", True),
        ("Write a short poem about autumn leaves", "Write a short funny poem about autumn leaves", True),
        ("What is the capital of France?", "What is the capital of Spain?", False),
        ("How much is 12 percent of 340?", "How much is 15 percent of 340?", False),
        ("Summarise the second chapter for me", "Translate it into French now please", False),
        ("yes please", "yes please", False),
    ],
)
def test_the_same_question_in_other_words_is_told_from_another(
    before: str, after: str, *, same: bool
) -> None:
    assert asks_the_same(words_of(after, 7), words_of(before, 7)) is same
