"""Compressed answers are read as they arrive, and bombs cost a bounded amount."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from llmmonitor_sidecar.analyser import limits
from llmmonitor_sidecar.analyser.connection import ConnectionAnalyser
from llmmonitor_sidecar.analyser.encodings import BadEncoding, decoder_for
from llmmonitor_sidecar.analyser.exchange import EventKind, Outcome

REQUEST, RESPONSE = 0, 1
BODY = b'{"model":"m","stream":true}'


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate": _raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


def _decode_all(encoding: str, pieces: list[bytes]) -> bytes:
    decoder = decoder_for(encoding)
    assert decoder is not None
    return b"".join(out for piece in pieces for out in decoder.decode(piece))


@pytest.mark.parametrize("encoding", ENCODE)
@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=5_000).map(lambda part: part * 20), step=st.integers(1, 4_000))
def test_what_was_encoded_comes_back(encoding: str, data: bytes, step: int) -> None:
    packed = ENCODE[encoding](data)

    out = _decode_all(encoding, [packed[i : i + step] for i in range(0, len(packed), step)])

    assert out == data


def test_gzip_members_follow_one_another() -> None:
    assert _decode_all("gzip", [gzip.compress(b"a") + gzip.compress(b"b")]) == b"ab"


@pytest.mark.parametrize("encoding", ENCODE)
def test_a_bomb_comes_in_small_pieces_until_the_limit(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DECODED_BODY_BYTES", 4 << 20)
    packed = ENCODE[encoding](bytes(16 << 20))
    decoder = decoder_for(encoding)
    assert decoder is not None

    sizes: list[int] = []
    with pytest.raises(BadEncoding, match="decoded_too_large"):
        sizes.extend(len(piece) for piece in decoder.decode(packed))

    assert max(sizes) <= 2 << 20
    assert sum(sizes) <= 4 << 20


@pytest.mark.parametrize("encoding", ENCODE)
def test_garbage_is_a_finding(encoding: str) -> None:
    with pytest.raises(BadEncoding, match="bad_content_encoding"):
        _decode_all(encoding, [b"\xff" * 5_000, b"\x00" * 5_000])


@pytest.mark.parametrize("encoding", ["compress", "gzip, br", "gzip, gzip", "snappy"])
def test_what_is_not_known_is_said(encoding: str) -> None:
    with pytest.raises(BadEncoding, match="unknown_content_encoding"):
        decoder_for(encoding)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_nothing_to_undo(encoding: str) -> None:
    assert decoder_for(encoding) is None


def _events(count: int) -> list[bytes]:
    deltas = [b'data: {"choices":[{"index":0,"delta":{"content":"t%d"}}]}\n\n' % i for i in range(count)]
    return [
        *deltas,
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        b"data: [DONE]\n\n",
    ]


def _flushing(encoding: str) -> Callable[[bytes], bytes]:
    if encoding == "br":
        br = brotli.Compressor()
        return lambda data: bytes(br.process(data) + br.flush())
    if encoding == "zstd":
        zstd = zstandard.ZstdCompressor().compressobj()
        return lambda data: zstd.compress(data) + zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    return lambda data: packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def _streaming(encoding: str) -> ConnectionAnalyser:
    analyser = ConnectionAnalyser(1)
    analyser.feed(REQUEST, 1, b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 27\r\n\r\n" + BODY)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: {encoding}\r\n\r\n"
    analyser.feed(RESPONSE, 2, head.encode())
    return analyser


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_each_event_of_a_compressed_stream_has_its_own_time(encoding: str) -> None:
    analyser, pack = _streaming(encoding), _flushing(encoding)

    first = analyser.feed(RESPONSE, 10, pack(_events(3)[0]))
    for i, event in enumerate(_events(3)[1:]):
        analyser.feed(RESPONSE, 20 + 10 * i, pack(event))
    (end,) = analyser.eof(RESPONSE, 100)

    assert [(event.kind, event.at_ns) for event in first] == [(EventKind.FIRST_TOKEN, 10)]
    assert end.exchange.gaps_ns == [10, 10]
    assert end.exchange.outcome is Outcome.OK


def test_a_stream_that_cant_be_decoded_ends_there_and_the_next_exchange_is_read() -> None:
    analyser = ConnectionAnalyser(1)
    post = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 27\r\n\r\n" + BODY
    analyser.feed(REQUEST, 1, post + post)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
    (bad,) = analyser.feed(RESPONSE, 2, head + b"Content-Length: 6\r\n\r\nbanana")
    stream = b"".join(_events(2))
    plain = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(stream)
    events = analyser.feed(RESPONSE, 3, plain + stream)

    assert (bad.exchange.outcome, bad.exchange.malformed_reason) == (
        Outcome.MALFORMED,
        "bad_content_encoding",
    )
    assert events[-1].exchange.completion_tokens == 2


def test_a_compressed_request_is_read() -> None:
    packed = gzip.compress(BODY)
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    (event,) = ConnectionAnalyser(1).feed(REQUEST, 1, head % len(packed) + packed)

    assert (event.exchange.request_model, event.exchange.stream) == ("m", True)


def test_a_request_that_cant_be_decoded_is_still_an_exchange() -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: 6\r\n\r\nbanana"
    (event,) = ConnectionAnalyser(1).feed(REQUEST, 1, head)

    assert event.kind is EventKind.REQUEST_ENDED
    assert event.exchange.malformed_reason == "bad_content_encoding"
