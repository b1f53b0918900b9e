"""What a pass costs is timed on passes that really count and judge."""

from bench import passes


def test_every_part_of_a_pass_is_timed() -> None:
    found = passes.measured(monitors=2, pods=3, blocks=1, warm_up=1)

    assert list(found) == [
        "decode",
        "absorb",
        "evaluate",
        "what is news",
        "totals for /metrics",
        "status document",
    ]
    assert all(milliseconds > 0 for milliseconds in found.values())
    *_, last = passes.lines(dict.fromkeys(found, 1.0))
    assert last == "| in all | 6.00 |"


def test_its_passes_absorb_what_replicas_serve() -> None:
    running = passes.Passes(monitors=1, pods=4)
    for _ in range(8):
        running.round()

    [one] = running.watched
    served = sum(len(replica.true_first_tokens) for replica in one.replicas)
    assert served
    assert one.totals.figures.ended == one.state.window(600.0).ended == served
    assert {condition.type: condition.status for condition in one.state.conditions}["Reporting"] == "True"
