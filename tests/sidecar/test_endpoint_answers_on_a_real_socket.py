from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.sidecar.served_endpoint import KEY, POD, START, STRANGER, serve

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.report.report import decode
from llmmonitor_api.report.told import HEADER, NONE_YET, named
from llmmonitor_api.signing import (
    sign_configuration,
)


async def test_a_signed_request_gets_the_report_and_no_other_does() -> None:
    async with serve() as client:
        status, body, _ = await client.get("/v1/report", **client.signed("/v1/report"))
        assert (status, decode(body).totals.begun) == (200, 7)

        for headers, expected in (
            ({}, 401),
            (client.signed("/v1/report", STRANGER), 403),
            (client.signed("/v1/other"), 403),
            ({"Authorization": "Bearer nonsense"}, 400),
        ):
            status, body, response = await client.get("/v1/report", **headers)
            assert status == expected
            assert b"reason" in body
            assert b"boot" not in body
            assert ("WWW-Authenticate" in response.headers) is (expected == 401)


async def test_who_has_a_report_and_says_so_is_told_what_came_since() -> None:
    async with serve() as client:
        first = decode(
            (await client.get("/v1/report", **client.signed("/v1/report"), **{HEADER: NONE_YET}))[1]
        )
        has = named(first.identity.boot_id, first.identity.sequence)

        then = decode((await client.get("/v1/report", **client.signed("/v1/report"), **{HEADER: has}))[1])

        assert (first.since, first.totals.begun) == (None, 7)
        assert (then.since, then.totals.begun) == (first.identity.sequence, 0)


async def test_a_request_is_answered_once() -> None:
    async with serve() as client:
        headers = client.signed("/v1/report")
        assert (await client.get("/v1/report", **headers))[0] == 200

        assert (await client.get("/v1/report", **headers))[0] == 409


async def test_the_query_is_part_of_what_is_signed() -> None:
    async with serve() as client:
        assert (await client.get("/v1/report?a=%20b", **client.signed("/v1/report?a=%20b")))[0] == 200

        assert (await client.get("/v1/report?a=2", **client.signed("/v1/report?a=1")))[0] == 403


async def test_a_signed_configuration_is_put_in_force() -> None:
    async with serve() as client:
        settings = Configuration(generation=3, resource_interval_seconds=9.0)

        status, answer = await client.put(sign_configuration(settings, KEY, POD, START))

        assert (status, answer["generation"]) == (200, 3)
        assert [signed.configuration for signed in client.sidecar.applied] == [settings]
        assert client.sidecar.applied[0].expires_at == START + 24 * 3600


def forged() -> str:
    head, payload, _ = sign_configuration(Configuration(generation=5), KEY, POD, START).split(".")
    return f"{head}.{payload}.{'A' * 86}"


@pytest.mark.parametrize(
    ("document", "status", "reason"),
    [
        (forged, 403, "forged"),
        (lambda: sign_configuration(Configuration(), STRANGER, POD, START), 403, "unknown_key"),
        (lambda: sign_configuration(Configuration(), KEY, "another", START), 403, "other_pod"),
        (lambda: sign_configuration(Configuration(), KEY, POD, START - 90_000), 403, "expired"),
        (lambda: sign_configuration(Configuration(generation=1), KEY, POD, START), 409, "old_generation"),
        (lambda: "hello", 400, "malformed"),
        (lambda: "", 400, "malformed"),
        (lambda: "a" * 300_000, 413, "request_entity_too_large"),
    ],
)
async def test_a_refused_configuration_is_answered_with_why_and_changes_nothing(
    document: Callable[[], str], status: int, reason: str
) -> None:
    async with serve() as client:
        await client.put(sign_configuration(Configuration(generation=2), KEY, POD, START))

        got, answer = await client.put(document())

        error = answer["error"]
        assert isinstance(error, dict)
        assert (got, error["reason"]) == (status, reason)
        assert error["message"]
        assert len(client.sidecar.applied) == 1


async def test_refusals_are_counted_by_reason_in_the_metrics() -> None:
    async with serve() as client:
        for _ in range(3):
            await client.put(forged())
        await client.get("/v1/report")

        _, body, _ = await client.get("/metrics")

        families = {family.name: family for family in text_string_to_metric_families(body.decode())}
        refused = {tuple(s.labels.values()): s.value for s in families["llm_monitor_refused"].samples}
        assert refused == {("config", "forged"): 3, ("report", "missing"): 1}


async def test_a_configuration_that_cannot_be_applied_may_be_put_again() -> None:
    async with serve() as client:
        document = sign_configuration(Configuration(generation=2), KEY, POD, START)
        client.sidecar.refuses = ValueError("objective 'fast': no such signal")
        status, answer = await client.put(document)
        assert status == 422
        assert "no such signal" in str(answer)

        client.sidecar.refuses = None
        assert (await client.put(sign_configuration(Configuration(generation=1), KEY, POD, START)))[0] == 200


async def test_metrics_come_in_the_format_that_was_asked_for() -> None:
    async with serve() as client:
        _, body, plain = await client.get("/metrics")
        _, openmetrics_body, openmetrics = await client.get(
            "/metrics",
            Accept="application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3",
        )

        assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b"llm_monitor_requests_begun_total 7.0" in body
        assert openmetrics.headers["Content-Type"].startswith("application/openmetrics-text")
        assert openmetrics_body.endswith(b"# EOF\n")


async def test_metrics_ask_for_the_token_if_there_is_one() -> None:
    async with serve(token="s3cret") as client:  # noqa: S106 - a test's token
        assert (await client.get("/metrics"))[0] == 401
        assert (await client.get("/metrics", Authorization="Bearer wrong"))[0] == 401
        assert (await client.get("/metrics", Authorization="Bearer s3cret"))[0] == 200
        assert (await client.get("/healthz"))[0] == 200


async def test_open_endpoints_are_answered_anew_at_most_once_a_second() -> None:
    async with serve() as client:
        for _ in range(5):
            await client.get("/metrics")
            await client.get("/healthz")
        assert client.sidecar.reports == 2

        client.sidecar.now += 1
        await client.get("/healthz")
        assert client.sidecar.reports == 3


async def test_a_costly_answer_is_made_so_rarely_that_it_takes_a_twentieth_of_the_time() -> None:
    async with serve() as client:
        client.sidecar.report_takes = 0.5
        made_at = []
        for _ in range(100):
            before = client.sidecar.reports
            await client.get("/healthz")
            if client.sidecar.reports > before:
                made_at.append(client.sidecar.now)
            client.sidecar.now += 0.5

        assert {b - a for a, b in itertools.pairwise(made_at)} == {10.5}


async def test_health_is_about_the_sidecar_alone() -> None:
    async with serve() as client:
        status, body, _ = await client.get("/healthz")
        assert status == 200
        assert b'"status":"ok"' in body

        client.sidecar.broken = RuntimeError("the shared page is gone")
        client.sidecar.now += 1
        status, body, _ = await client.get("/healthz")
        assert status == 503
        assert b"shared page" not in body


@pytest.mark.parametrize("path", ["/metrics", "/healthz"])
async def test_head_is_the_same_without_a_body(path: str) -> None:
    async with serve() as client, client.session.head(client.url(path)) as response:
        assert (response.status, await response.read()) == (200, b"")
        assert int(response.headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/../etc/passwd", 404),
        ("POST", "/v1/config", 405),
        ("DELETE", "/metrics", 405),
    ],
)
async def test_everything_else_is_refused_as_json(method: str, path: str, status: int) -> None:
    async with serve() as client, client.session.request(method, client.url(path)) as response:
        assert response.status == status
        assert (await response.json())["error"]["message"]
        assert ("Allow" in response.headers) is (status == 405)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01 not http\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_no_answer_tells_what_software_gave_it(request_bytes: bytes) -> None:
    async with serve() as client:
        answer = await raw(client.port, request_bytes)

        head = answer.split(b"\r\n\r\n")[0].lower()
        assert head.startswith(b"http/1.")
        assert b"python" not in head
        assert b"aiohttp" not in answer.lower()
        assert b"traceback" not in answer.lower()


async def raw(port: int, request: bytes) -> bytes:
    """What comes back on one connection until it falls silent or ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = b""
    with suppress(TimeoutError, ConnectionResetError):
        async with asyncio.timeout(5):
            while b"\r\n\r\n" not in answer and (data := await reader.read(65536)):
                answer += data
    writer.close()
    return answer


async def test_a_body_that_never_ends_is_given_up() -> None:
    async with serve(request_seconds=0.2) as client:
        answer = await raw(
            client.port, b"PUT /v1/config HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc"
        )

        assert answer.startswith(b"HTTP/1.1 408")


async def test_who_goes_within_a_body_leaves_no_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as client:
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", client.port)
            writer.write(b"PUT /v1/config HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
            await writer.drain()
            assert (await client.get("/healthz"))[0] == 200  # it has been read
            writer.close()
            await writer.wait_closed()
            assert (await client.get("/healthz"))[0] == 200

    assert caplog.text == ""


async def test_the_newest_connections_are_served_however_many_hang_around() -> None:
    async with serve(connections_limit=4) as client:
        idle = [await asyncio.open_connection("127.0.0.1", client.port) for _ in range(12)]

        assert (await client.get("/healthz"))[0] == 200

        async with asyncio.timeout(5):
            assert await idle[0][0].read() == b"", "the oldest made room"
        for _, writer in idle:
            writer.close()
