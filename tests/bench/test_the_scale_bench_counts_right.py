"""What the bench of ten thousand sidecars simulates, and what it makes of what it saw; `--quick` runs it."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import aiohttp
import msgspec
from bench import comparison
from bench.fleet import asked
from bench.fleet.exposition import exposition
from bench.fleet.seen import OPERATOR, PROMETHEUS, Round, Seen, figures
from bench.fleet.sidecars import COMMANDS, Fleet, Member, Sidecars, State
from bench.fleet.site import SIDECAR, injected
from bench.fleet.traffic import Replica
from bench.fleet.wire import Answer, Connection, Request
from bench.fleet.world import World, number_at
from e2e.cluster.audit import Request as Asked
from prometheus_client.parser import text_string_to_metric_families

from llmmonitor_api.configuration import Configuration, ObjectiveSetting
from llmmonitor_api.report.repeated import HEADER as REPEAT
from llmmonitor_api.report.report import Report, decode, encode
from llmmonitor_api.signing import generate_private_key, public_key_bytes, sign_configuration, sign_request
from llmmonitor_api.spec import load_monitor
from llmmonitor_operator.pods.pod import our_sidecar
from llmmonitor_sidecar.endpoints.metrics.exposition import exposition as of_the_sidecar

NOW = 1_800_000_000.0
SETTINGS = Configuration(
    5, (ObjectiveSetting("errors", "ErrorRate"), ObjectiveSetting("first", "TimeToFirstToken", 0.1, "100ms"))
)


def replica(served: float = 600.0) -> Replica:
    one = Replica(7, "uid-7", "model-0-7", NOW)
    one.configure(SETTINGS)
    one.advance(NOW + served, serving=True)
    return one


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_every_pod_has_one_monitor_and_an_address_of_its_own() -> None:
    world = World(1000, 10_000)

    pods = world.every_pod

    assert len(pods) == 10_000
    assert [number_at(pod.address) for pod in pods] == list(range(10_000))
    assert len({pod.address for pod in pods}) == len({(pod.namespace, pod.name) for pod in pods}) == 10_000
    of_monitor = Counter((pod.namespace, pod.monitor) for pod in pods)
    assert set(of_monitor) == set(world.every_monitor)
    assert len(world.every_monitor) == 1000
    assert Counter(of_monitor.values()) == {1009: 1, 9: 999}
    assert Counter(pod.port for pod in pods) == dict.fromkeys(world.ports, 2500)


def test_a_report_is_one_that_the_operator_reads_and_grows_with_traffic() -> None:
    one = replica()
    before = decode(encode(one.report(NOW + 600)))

    one.advance(NOW + 1200, serving=True)
    after = decode(encode(one.report(NOW + 1200)))
    one.advance(NOW + 1800, serving=False)
    at_rest = decode(encode(one.report(NOW + 1800)))

    assert before.totals.begun < after.totals.begun == at_rest.totals.begun
    assert at_rest.identity.sequence == before.identity.sequence + 2
    [series] = after.totals.traffic.values()
    assert series.time_to_first_token.count == after.totals.begun == len(one.true_first_tokens)


def test_prometheus_reads_figures_of_the_sidecars_own_names_and_numbers() -> None:
    one = replica()

    ours = samples(exposition(one))
    real = samples(of_the_sidecar(one.report(NOW + 600), {}, "text/plain")[0])

    assert len(ours) <= 100
    assert set(ours) <= set(real)
    counts = {key for key in ours if key[0].endswith(("_total", "_count"))}
    assert counts
    assert {key: ours[key] for key in counts} == {key: real[key] for key in counts}


def test_a_pod_is_one_that_the_webhook_injected() -> None:
    pod = World(20, 200).every_pod[-1]
    metadata = {"name": pod.monitor, "namespace": pod.namespace, "creationTimestamp": "2026-01-05T12:00:00Z"}
    spec = {"selector": {"matchLabels": {"model": pod.monitor}}}
    monitor = load_monitor(
        {"apiVersion": "llmmonitor.io/v1alpha1", "kind": "LLMMonitor", "metadata": metadata, "spec": spec}
    )

    sidecar = our_sidecar(injected(pod, monitor, bytes(32)))

    assert sidecar is not None
    assert (sidecar.image, sidecar.api_port, sidecar.kind) == (SIDECAR.image, pod.port, "native")


class Fleeting:
    """A fleet of three, and who may ask it."""

    def __init__(self) -> None:
        self.key = generate_private_key()
        members = [Member(f"uid-{number}", f"pod-{number}", "chat", SETTINGS) for number in range(3)]
        self.sidecars = Sidecars(Fleet(public_key_bytes(self.key), 100, members), lambda: NOW + 60)

    def ask(
        self, method: str, path: str, address: str, *, authorization: str = "", body: bytes = b""
    ) -> bytes:
        answer = self.sidecars.answer(Request(address, method, path, authorization, body))
        return answer.body if answer.status == 200 else f"{answer.status}".encode()


def test_only_what_was_signed_for_this_pod_is_answered() -> None:
    fleet = Fleeting()
    address = "127.1.0.102"  # number 101
    mine = sign_request("GET", "/v1/report", fleet.key, "uid-1", NOW + 30)
    others = sign_request("GET", "/v1/report", fleet.key, "uid-0", NOW + 30)

    report = msgspec.json.decode(fleet.ask("GET", "/v1/report", address, authorization=mine), type=Report)

    assert report.identity.pod_uid == "uid-1"
    assert fleet.ask("GET", "/v1/report", address, authorization=others) == b"403"


def test_a_pushed_configuration_is_in_force_and_when_is_known() -> None:
    fleet = Fleeting()
    document = sign_configuration(Configuration(9), fleet.key, "uid-2", NOW + 60).encode()

    fleet.ask("PUT", "/v1/config", "127.1.0.103", body=document)
    refused = fleet.ask("PUT", "/v1/config", "127.1.0.101", body=document)

    state = msgspec.json.decode(fleet.ask("GET", "/state", "127.0.0.1"))
    assert state["generations"] == [5, 5, 9]
    assert state["taken_at"] == [0.0, 0.0, NOW + 60]
    assert refused == b"403"


async def test_requests_that_come_in_pieces_or_together_are_answered_one_by_one() -> None:
    asked_for: list[Request] = []

    def answer(request: Request) -> Answer:
        asked_for.append(request)
        return Answer(200, request.path.encode())

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(answer), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    for piece in (
        b"GET /a HTT",
        b"P/1.1\r\n\r\nPUT /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nab",
        b"cGET /c HTTP/1.1\r\n\r\n",
    ):
        writer.write(piece)
        await asyncio.sleep(0.01)
    said = b""
    async with asyncio.timeout(5):
        while not said.endswith(b"/c"):
            said += await reader.read(1000)
    writer.close()
    server.close()

    assert [(one.method, one.path, one.body) for one in asked_for] == [
        ("GET", "/a", b""),
        ("PUT", "/b", b"abc"),
        ("GET", "/c", b""),
    ]
    assert said.count(b"200 OK") == 3


def request(verb: str, resource: str, second: int, uri: str = "/") -> Asked:
    return Asked(
        namespace_of_account="llm-monitor",
        account="llm-monitor-operator",
        verb=verb,
        group="",
        resource=resource,
        namespace="team-0",
        name="x",
        uri=uri,
        status=200,
        allowed=True,
        addresses=(),
        at=datetime.fromtimestamp(NOW + second, UTC),
    )


def test_renewals_and_dry_runs_are_no_writes() -> None:
    requests = [
        request("update", "leases", 1),
        request("patch", "pods/ephemeralcontainers", 2, "/x?dryRun=All"),
        request("patch", "llmmonitors/status", 3),
        request("create", "configmaps", 4),
        request("list", "pods", 5),
        request("patch", "llmmonitors/status", 99),
    ]

    found = asked.calls(requests, NOW, NOW + 10)

    assert asked.writes(found) == 2
    assert "patch (dry run) pods/ephemeralcontainers 6" in asked.worded(found, 10 / 60)


def test_rows_say_what_was_met_beside_prometheus_and_beside_limits() -> None:
    rounds = [
        Round(
            cores={OPERATOR: 0.3 + number / 1000, PROMETHEUS: 0.5},
            rss_mib={OPERATOR: 900.0, PROMETHEUS: 4000.0},
            pss_mib={OPERATOR: 890.0, PROMETHEUS: 3990.0},
            status_writes=0.98,
            reports=1.0,
        )
        for number in range(7)
    ]
    seen = Seen(busy=rounds, idle=rounds, changes={"1009 sidecars": [1.0] * 5}, first_token_errors=[0.4] * 50)

    rows = {row.name: row for figure in figures(seen) for row in comparison.rows(figure, {})}

    assert rows["CPU, with traffic"].met is False
    assert math.isclose(rows["CPU, with traffic"].ratio or 0, 0.606)
    assert rows["RSS, with traffic"].met is True
    assert rows["status writes per monitor and minute, with traffic"].met is True
    assert rows["writes a minute, without traffic"].met is True
    assert rows["changed configuration in force: 1009 sidecars"].met is True
    assert rows["error of the merged TTFT p99, each monitor"].met is True


def test_one_monitor_that_is_written_often_is_seen_among_many() -> None:
    often = [request("patch", asked.STATUS, second) for second in (1, 2, 3)]
    once = [replace(one, name="y") for one in often[:1]]
    later = [request("patch", asked.STATUS, 60), request("patch", "pods", 2)]

    assert asked.most_of_one([*often, *once, *later], NOW, NOW + 30) == 3


async def test_who_asks_for_more_is_told_more_and_each_counts_as_read() -> None:
    fleet, times = Fleeting(), []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(fleet.sidecars.answer), "127.1.0.102", 0)
    port = server.sockets[0].getsockname()[1]
    authorization = sign_request("GET", "/v1/report", fleet.key, "uid-1", NOW + 30)
    headers = {"Authorization": authorization, REPEAT: "2;every=5"}
    url = f"http://127.1.0.102:{port}/v1/report"
    async with server, aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        lines = []
        async for line in answer.content:
            lines.append(decode(line))
            times.append(loop.time())

    assert [one.identity.sequence for one in lines] == [1, 2]
    assert times[1] - times[0] > 4
    assert msgspec.json.decode(fleet.ask("GET", "/state", COMMANDS), type=State).reports == 2
