"""Who asks for it is told one report after the other in one answer, and it keeps nobody from anything."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import aiohttp
import pytest
from tests.sidecar.served_endpoint import Client, serve
from tests.sidecar.told_by_hand import ToldByHand

from llmmonitor_api.report.repeated import CONTENT_TYPE, HEADER
from llmmonitor_api.report.report import Report, decode, encode
from llmmonitor_api.report.told import HEADER as SINCE
from llmmonitor_api.report.told import named
from llmmonitor_sidecar.endpoints import api
from llmmonitor_sidecar.endpoints.repeating import AT_ONCE, Repeating

REPORT = "/v1/report"


def asking(client: Client, repeat: str, since: str = "0") -> aiohttp.client._RequestContextManager:
    headers = {**client.signed(REPORT), HEADER: repeat, SINCE: since}
    return client.session.get(client.url(REPORT), headers=headers)


async def told(response: aiohttp.ClientResponse) -> Report:
    async with asyncio.timeout(5):
        return decode(await response.content.readline())


async def until_waiting(hand: ToldByHand, answers: int = 1) -> None:
    async with asyncio.timeout(5):
        while hand.waiting != answers:  # noqa: ASYNC110 - of what nobody tells
            await asyncio.sleep(0.001)


async def test_each_line_is_a_report_of_its_moment_and_the_last_one_ends_the_answer() -> None:
    hand = ToldByHand()
    async with serve(repeating=hand) as client, asking(client, "3;every=15") as response:
        assert response.headers["Content-Type"] == CONTENT_TYPE
        reports = [await told(response)]
        for _ in range(2):
            await until_waiting(hand)
            client.sidecar.begun += 1
            hand.go_on()
            reports.append(await told(response))

        assert await response.content.read() == b""
        assert [one.identity.sequence for one in reports] == [1, 2, 3]
        assert [one.totals.begun for one in reports] == [7, 8, 9]
        assert [round(after - before) for before, after in pairwise(hand.waits)] == [15]


async def test_all_of_them_say_what_came_since_the_report_that_was_named() -> None:
    hand = ToldByHand()
    async with serve(repeating=hand) as client:
        first = decode((await client.get(REPORT, **client.signed(REPORT), **{SINCE: "0"}))[1])
        name = named(first.identity.boot_id, first.identity.sequence)
        async with asking(client, "3;every=15", name) as response:
            found = []
            for _ in range(3):
                client.sidecar.begun += 2
                found.append(await told(response))
                hand.go_on()
                await asyncio.sleep(0.01)

    assert [one.since for one in found] == [first.identity.sequence] * 3
    assert [one.totals.begun for one in found] == [0, 2, 4]


async def test_the_connection_is_good_for_another_question() -> None:
    hand = ToldByHand()
    async with serve(repeating=hand) as client:
        async with asking(client, "2;every=15") as response:
            await told(response)
            await until_waiting(hand)
            hand.go_on()
            await response.read()
            assert response.connection is None  # given back
        assert (await client.get("/healthz"))[0] == 200
        connector = client.session.connector
        assert connector is not None
        assert sum(map(len, connector._conns.values())) == 1


async def test_only_the_first_counts_as_pulled() -> None:
    """One that ends waits for a pull of its last figures; what is told may reach nobody."""
    hand = ToldByHand()
    async with serve(repeating=hand) as client, asking(client, "2;every=15") as response:
        await told(response)
        await until_waiting(hand)
        hand.go_on()
        await response.read()

        assert (client.sidecar.reports, client.sidecar.pulls) == (2, 1)


@pytest.mark.parametrize(
    ("repeat", "words"),
    [
        ("99;every=15", "99 times, for 1470 s"),
        ("3;every=1", "5 to 60 s are taken"),
        ("soon", "not of the form TIMES;every=SECONDS"),
    ],
)
async def test_what_cannot_be_done_is_refused_in_words(repeat: str, words: str) -> None:
    async with serve() as client, asking(client, repeat) as response:
        assert response.status == 400
        error = (await response.json())["error"]
        assert error["reason"] == "bad_request"
        assert words in error["message"]


async def test_who_may_not_ask_is_told_nothing() -> None:
    async with serve() as client:
        status, body, _ = await client.get(REPORT, **{HEADER: "3;every=15"})

        assert status == 401
        assert b"boot" not in body


async def test_the_oldest_makes_room() -> None:
    hand = ToldByHand()
    async with serve(repeating=hand) as client:
        answers = [await asking(client, "9;every=15") for _ in range(AT_ONCE + 1)]
        await until_waiting(hand, AT_ONCE)

        for response in answers:
            await told(response)
        assert await answers[0].content.read() == b"", "ended, and whole"
        hand.go_on()
        assert [(await told(one)).identity.sequence for one in answers[1:]] == [AT_ONCE + 2, AT_ONCE + 3]
        for response in answers:
            response.close()


async def test_who_goes_is_made_no_more_reports_and_leaves_no_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nor is anything remembered as told to them, which others would pay for."""
    hand = ToldByHand()
    async with serve(repeating=hand) as client:
        response = await asking(client, "9;every=15")
        await told(response)
        await until_waiting(hand)
        response.close()
        assert (await client.get("/metrics"))[0] == 200  # it has been seen to go
        made = client.sidecar.reports
        hand.go_on()
        await until_waiting(hand, 0)

        assert client.sidecar.reports == made
        assert hand._ended == []
    assert caplog.text == ""


async def test_who_reads_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel takes some megabytes; what it does not take is not kept for long."""
    monkeypatch.setattr(api, "encode", lambda report: encode(report) + b" " * 2_000_000)
    hand = ToldByHand(write_seconds=0.1)
    async with serve(repeating=hand) as client:
        _, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=1024)
        authorization = client.signed(REPORT)["Authorization"]
        head = f"GET {REPORT} HTTP/1.1\r\nHost: a\r\nAuthorization: {authorization}\r\n"
        writer.write(f"{head}{HEADER}: 20;every=15\r\n\r\n".encode())
        await until_waiting(hand)
        async with asyncio.timeout(10):
            while hand._ended:
                hand.go_on()
                await asyncio.sleep(0.01)

        assert client.sidecar.reports < 20
        writer.close()


async def test_a_report_that_fails_later_ends_the_answer_without_a_whole_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    hand = ToldByHand()
    async with serve(repeating=hand) as client:
        async with asking(client, "9;every=15") as response:
            await told(response)
            await until_waiting(hand)
            client.sidecar.broken = RuntimeError("no figures")
            hand.go_on()
            with pytest.raises(aiohttp.ClientError):
                await response.content.read()
        client.sidecar.broken = None

        assert "no figures" in caplog.text
        assert (await client.get("/healthz"))[0] == 200


async def test_a_sidecar_that_ends_ends_them_first() -> None:
    hand = ToldByHand()
    async with aiohttp.ClientSession() as session:
        async with serve(repeating=hand) as client:
            headers = {**client.signed(REPORT), HEADER: "9;every=15"}
            response = await session.get(client.url(REPORT), headers=headers)
            await told(response)
            await until_waiting(hand)

        assert await response.content.read() == b"", "ended, and whole: else it were waited for and cut off"


async def test_by_the_clock_they_come_in_their_time() -> None:
    """The real wait, which is not by hand: until then, or until it is ended."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    wait = Repeating()._set_by
    began = loop.time()

    assert not await wait(ended, began + 0.05)
    assert loop.time() >= began + 0.05
    ended.set()
    assert await wait(ended, loop.time() + 60)


async def test_it_may_take_longer_than_a_request() -> None:
    hand = ToldByHand()
    async with (
        serve(request_seconds=0.05, repeating=hand) as client,
        asking(client, "2;every=15") as response,
    ):
        await told(response)
        await until_waiting(hand)
        await asyncio.sleep(0.1)
        hand.go_on()

        assert (await told(response)).identity.sequence == 2
