"""What is in force: until when, and what a dead analyser's successor knows of it."""

from __future__ import annotations

import os
import signal
import warnings

import pytest

from llmmonitor_api.configuration import Configuration, ObjectiveSetting
from llmmonitor_api.signing import SignedConfiguration
from llmmonitor_sidecar.analyser.in_force import STOPPED_BY_DOCUMENT, InForce
from llmmonitor_sidecar.kept_configuration import CONTENT_BYTES_LIMIT, Kept, KeptConfiguration
from llmmonitor_sidecar.settings import Mode, Settings

START = 1_000_000.0
DAY = 86400.0
FIRST = Settings(
    mode=Mode.TRANSPARENT, target_port=8000, public_keys=(bytes(32),), configuration=b'{"generation": 3}'
)


def _signed(
    generation: int, expires_at: float = START + 2 * DAY, *, stop: bool = False
) -> SignedConfiguration:
    objectives = (ObjectiveSetting("fast", "TimeToFirstToken", 0.8, "800ms"),)
    return SignedConfiguration(
        Configuration(generation=generation, objectives=objectives, stop=stop), START + 5, expires_at
    )


def test_the_first_one_holds_a_day_from_the_start_of_the_sidecar_whatever_restarts() -> None:
    keeper = KeptConfiguration(START)

    first, second = InForce(FIRST, keeper), InForce(FIRST, keeper)

    for in_force in (first, second):
        assert in_force.configuration.generation == 3
        assert in_force.why_stopped(START + DAY) == ""
        assert in_force.why_stopped(START + DAY + 1) == (
            "its configuration expired at 1970-01-13T13:46:40Z and was not renewed: no operator speaks to it"
        )


def test_without_a_key_to_renew_it_nothing_expires() -> None:
    in_force = InForce(Settings(mode=Mode.LISTEN, target_port=8000), KeptConfiguration(START))

    assert in_force.why_stopped(START + 1000 * DAY) == ""


def test_a_pushed_one_counts_by_its_own_time_and_a_later_one_ends_a_stop() -> None:
    in_force = InForce(FIRST, KeptConfiguration(START))

    in_force.take(_signed(4, stop=True))
    assert in_force.why_stopped(START + 10) == STOPPED_BY_DOCUMENT

    in_force.take(_signed(4, START + 3 * DAY))
    assert in_force.why_stopped(START + 2.5 * DAY) == ""
    assert in_force.why_stopped(START + 3 * DAY + 1) != ""


def test_a_successor_knows_what_was_pushed_to_the_one_before_it() -> None:
    keeper = KeptConfiguration(START)
    InForce(FIRST, keeper).take(_signed(4, stop=True))

    successor = InForce(FIRST, keeper)

    assert successor.pushed == _signed(4, stop=True)
    assert successor.why_stopped(START + 10) == STOPPED_BY_DOCUMENT


def test_a_configuration_that_is_none_leaves_the_settings() -> None:
    settings = Settings(mode=Mode.OFF, target_port=8000, configuration=b"{", max_added_latency_seconds=0.001)

    assert InForce(settings, KeptConfiguration(START)).configuration.max_added_latency_seconds == 0.001


def test_an_analyser_killed_while_it_writes_leaves_the_document_before() -> None:
    keeper = KeptConfiguration(START)
    keeper.keep(Kept(b"one", 1.0, 2.0))
    keeper.keep(Kept(b"two", 3.0, 4.0))
    content = b"x" * CONTENT_BYTES_LIMIT

    for _ in range(20):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # 3.12+: threads of the test runner
            child = os.fork()
        if child == 0:
            while True:
                keeper.keep(Kept(content, 5.0, 6.0))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

        assert keeper.kept() in (Kept(b"two", 3.0, 4.0), Kept(content, 5.0, 6.0))


def test_more_than_any_document_may_have_is_refused() -> None:
    keeper = KeptConfiguration(START)

    with pytest.raises(ValueError, match="the limit is 262144"):
        keeper.keep(Kept(b"x" * (CONTENT_BYTES_LIMIT + 1), 1.0, 2.0))

    assert keeper.kept() is None
