"""What a pass costs is timed on passes that really count and judge."""

from bench import passes, whole_pass


def test_every_part_of_a_pass_is_timed() -> None:
    found = passes.measured(monitors=2, pods=3, blocks=1, warm_up=1)

    assert list(found) == [
        "signatures",
        "decode",
        "absorb",
        "evaluate",
        "what is news",
        "totals for /metrics",
        "status document",
    ]
    assert all(milliseconds > 0 for milliseconds in found.values())
    *_, last = passes.lines(dict.fromkeys(found, 1.0), pods=10)
    assert last == "| in all | 7.00 | 700 |"
    *_, rest, last = passes.lines(dict.fromkeys(found, 1.0), pods=10, whole=9.0)
    assert rest.startswith("| all else: HTTP")
    assert rest.endswith("| 2.00 | 200 |")
    assert last == "| in all | 9.00 | 900 |"


async def test_whole_passes_ask_judge_and_write() -> None:
    async with whole_pass.running(monitors=2, pods=3) as passing:
        for _ in range(8):
            assert await passing.round() > 0

    metrics = passing.parts.metrics.registry
    assert metrics.get_sample_value("llm_monitor_operator_pulls_total", {"result": "ok"}) == 9 * 2 * 3
    assert metrics.get_sample_value("llm_monitor_operator_pulls_total", {"result": "refused"}) is None
    assert (metrics.get_sample_value("llm_monitor_operator_status_writes_total", {"result": "ok"}) or 0) >= 4
    assert metrics.get_sample_value("llm_monitor_operator_failures_total", {"work": "pass"}) is None


async def test_sidecars_that_are_only_asked_all_answer_each_time() -> None:
    async with whole_pass.running(monitors=2, pods=3) as passing:
        assert await passing.asked() > 0
        before = dict(passing.has)
        assert await passing.asked() > 0

        assert len(before) == 2 * 3
        assert all(passing.has[uid] != name for uid, name in before.items())

    metrics = passing.parts.metrics.registry
    assert metrics.get_sample_value("llm_monitor_operator_pulls_total", {"result": "ok"}) == 3 * 2 * 3
    assert metrics.get_sample_value("llm_monitor_operator_pulls_total", {"result": "unreachable"}) is None


def test_its_passes_absorb_what_replicas_serve() -> None:
    running = passes.Passes(monitors=1, pods=4)
    for _ in range(8):
        running.round()

    [one] = running.watched
    served = sum(len(replica.true_first_tokens) for replica in one.replicas)
    assert served
    assert one.totals.figures.ended == one.state.window(600.0).ended == served
    assert {condition.type: condition.status for condition in one.state.conditions}["Reporting"] == "True"
