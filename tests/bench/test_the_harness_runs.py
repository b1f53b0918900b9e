"""The bench's machinery end to end on real sockets: that it runs and that its numbers are possible."""

from pathlib import Path

import msgspec
import pytest
from bench import relay
from bench.figures.accuracy import matched
from bench.load.plan import Plan
from bench.peers import recorder
from bench.peers.running import PeerUnavailableError, Place, free_port, launch
from bench.rig import Rig

from llmmonitor_sidecar.analyser.exchange import TokenSource

STREAMS = Plan(
    host="",
    port=0,
    seconds=0.6,
    streams=4,
    tokens=8,
    tokens_per_second=100,
    first_token_seconds=0.01,
    detail="arrivals",
)


def test_a_closed_loop_through_the_relay_sees_every_token(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig, rig.thawed("relay") as running:
        run = rig.run(running, STREAMS)

    complete = [record for record in run.finished.records if not record.error]
    assert len(complete) >= 4
    assert {record.tokens for record in complete} == {record.usage_tokens for record in complete} == {8}
    assert all(hop > 0 for record in complete for hop in record.hop_ns)
    assert run.cpu_seconds["relay"] > 0


def test_lock_step_sends_a_token_only_for_one_received(tmp_path: Path) -> None:
    plan = msgspec.structs.replace(
        STREAMS, tokens=1_000_000, tokens_per_second=0, detail="count", drain_seconds=0.1
    )

    with Rig(tmp_path) as rig:
        run = rig.run(rig.proxy("direct"), plan)

    assert run.tokens > 100
    assert run.finished.cut_off == 4


def test_what_the_parser_recorded_matches_the_clients_requests(tmp_path: Path) -> None:
    with Rig(tmp_path) as rig:
        running = rig.start_as(recorder.start, "recorder")
        try:
            clients = rig.run(running, msgspec.structs.replace(STREAMS, drain_seconds=5.0)).finished.records
            rig.settle(running)
            pairs = list(matched(clients, running.recorded()))
        finally:
            running.stop()

    assert len(pairs) == len(clients) >= 4
    for client, ours in pairs:
        assert ours.completion_tokens == client.usage_tokens == 8
        assert TokenSource(ours.token_source) is TokenSource.USAGE
        assert client.sent_ns <= ours.request_ended_ns <= ours.first_token_ns <= client.first_token_ns


def test_a_program_that_does_not_start_says_why(tmp_path: Path) -> None:
    place = Place(tmp_path, 1, frozenset({0}))

    with pytest.raises(PeerUnavailableError, match="no-such-program does not start: No such file"):
        launch("missing", ["/no-such-program"], free_port(), place)
    with pytest.raises(PeerUnavailableError, match="exited with 3: last words"):
        launch("short", ["/bin/sh", "-c", "echo last words; exit 3"], free_port(), place)


def test_the_bench_writes_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = relay.main(["--quick", "--only", "accuracy", "--no-install", "--output", str(tmp_path)])

    assert status == 0
    written = msgspec.json.decode((tmp_path / "relay.json").read_bytes())
    assert {"machine", "commit", "figures"} <= set(written)
    assert {"name", "ours", "peer", "peer_name", "ratio", "target", "met", "n", "spread"} <= set(
        written["figures"][0]
    )
    assert (tmp_path / "relay.md").read_text() in capsys.readouterr().out
    assert (tmp_path / "relay-ratios.svg").exists()
