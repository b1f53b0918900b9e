"""What the bench of attached sidecars makes of what it saw; that it runs is proved on a real cluster only."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request

from bench import comparison
from bench.attached import latency
from bench.attached.programs import CLIENT, MODEL
from bench.comparison import AGAIN
from bench.lifecycle.seen import Seen
from bench.peers.registry import DIRECT


def test_both_quantiles_are_compared_in_each_state_and_only_the_step_aside_is_judged() -> None:
    seen = Seen()
    for number in range(6):
        for state, factor in ((latency.IDLE, 1.5), (latency.STARVED, 90.0), (latency.ASIDE, 1.01)):
            direct = [0.001 + 0.0001 * number] * 10
            took = {latency.ATTACHED: [one * factor for one in direct], DIRECT: direct}
            latency._take(took | {f"{DIRECT}{AGAIN}": direct}, state, seen)

    measured = latency.figures(seen)
    rows = {(row.name, row.subject): row for one in measured for row in comparison.rows(one, {})}

    idle = rows["request p50, idle machine", latency.ATTACHED]
    starved = rows["request p99, busy model, sidecar kept reading", latency.ATTACHED]
    aside = rows["request p99, busy model, stepped aside", latency.ATTACHED]
    added = rows["added to request p50, idle machine", latency.ATTACHED]
    assert (idle.ratio, idle.target, starved.ratio, starved.target) == (1.5, None, 90.0, None)
    assert (aside.ratio, aside.target, aside.met) == (1.01, "≤ 1.05", True)
    assert (added.ours, added.peer, added.met) == (0.000625, 0.005, True)


def test_a_round_that_failed_is_said_and_counts_for_nothing() -> None:
    seen = Seen()
    latency._take({}, latency.IDLE, seen)

    assert seen.failures["request p50, idle machine, attached: not in time"] == 1
    assert all(not row.n for one in latency.figures(seen) for row in comparison.rows(one, {}))


def test_the_programs_ask_one_model_by_both_of_its_ports() -> None:
    model = subprocess.Popen([sys.executable, "-c", MODEL, "18431", "18432"])
    try:
        _until_it_answers("http://127.0.0.1:18432/")
        ports = ["attached=18431", "direct=18432"]
        said = subprocess.check_output([sys.executable, "-c", CLIENT, "127.0.0.1", "20", *ports], text=True)
        for path in ("/hog?1", "/calm"):
            with urllib.request.urlopen(f"http://127.0.0.1:18432{path}") as answer:
                assert answer.read() == b"hello"
    finally:
        model.kill()
        model.wait()

    assert said.count(",") == 20 + 20 - 1


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url).close()  # noqa: S310 - http
        except OSError:
            time.sleep(0.05)
        else:
            return
