"""The load program's reading of a stamped stream, whole and in pieces."""

import itertools

from bench.load.drive import arrivals
from bench.load.plan import Plan, Record
from bench.load.sse_client import BodyReader, Window
from bench.model_server import Answer, Exchange
from hypothesis import given
from hypothesis import strategies as st

STAMPS = (1_000, 2_000_000_000, 3_000_000_000_123)
ALWAYS = (0, 2**63)


def _body() -> bytes:
    """The body of an answer of three tokens, without its chunked framing."""
    answer = Answer(Exchange("chatcmpl-000000007", 0), "paced", len(STAMPS), 50)
    framed = answer.opening("paced").split(b"\r\n\r\n", 1)[1]
    framed += b"".join(answer.event(stamp) for stamp in STAMPS)
    framed += answer.closing("paced")
    body = b""
    while framed:
        size, rest = framed.split(b"\r\n", 1)
        body += rest[: int(size, 16)]
        framed = rest[int(size, 16) + 2 :]
    return body


BODY = _body()


def _read(
    pieces: list[bytes], window: tuple[int, int] = ALWAYS, detail: str = "arrivals"
) -> tuple[Record, Window]:
    record, measured = Record(new_connection=True, begun_ns=0), Window(*window)
    reader = BodyReader(record, measured, detail)
    for number, piece in enumerate(pieces):
        reader.feed(piece, 10_000_000_000_000 + number)
    return record, measured


@given(st.lists(st.integers(min_value=0, max_value=len(BODY)), max_size=12))
def test_stamps_are_found_however_the_body_is_split(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(BODY)]
    pieces = [BODY[start:end] for start, end in itertools.pairwise(edges)]

    record, window = _read(pieces)

    assert record.tokens == window.tokens == len(STAMPS)
    assert record.first_stamp_ns == STAMPS[0]
    assert [at - hop for at, hop in zip(record.arrival_ns, record.hop_ns, strict=True)] == list(STAMPS)
    assert record.usage_tokens == len(STAMPS)
    assert record.id == "chatcmpl-000000007"


def test_tokens_outside_the_measured_time_are_counted_for_the_request_only() -> None:
    record, window = _read([BODY], window=(0, 5))

    assert record.tokens == len(record.arrival_ns) == len(STAMPS)
    assert window.tokens == 0
    assert record.hop_ns == []


def test_counting_keeps_no_figures_per_token() -> None:
    record, window = _read([BODY], detail="count")

    assert window.tokens == len(STAMPS)
    assert record.hop_ns == record.arrival_ns == []


def test_an_open_loop_is_reproducible_and_has_its_rate() -> None:
    plan = Plan(host="", port=0, seconds=100.0, requests_per_second=50, seed=3)

    moments = arrivals(plan)

    assert moments == arrivals(plan)
    assert moments == sorted(moments)
    assert 4_700 < len(moments) < 5_300  # four standard deviations of a Poisson count of 5,000
    assert moments[-1] < 100.0
