"""Facts that stand on both sides of the report, since operator and sidecar do not import each other."""

from __future__ import annotations

import dataclasses

import msgspec

from llmmonitor_api.configuration import Configuration
from llmmonitor_api.spec import load_monitor
from llmmonitor_api.spec.signals import SIGNALS
from llmmonitor_operator import figures
from llmmonitor_operator.configure import configuration_for, settings_for
from llmmonitor_operator.evaluate import gpus, intercepting, objectives
from llmmonitor_operator.figures import EXACT_SOURCES, NO_TOKENS
from llmmonitor_operator.settings import Settings as Judging
from llmmonitor_sidecar.analyser.exchange import Outcome, TokenSource
from llmmonitor_sidecar.analyser.reader import TrafficReader
from llmmonitor_sidecar.samplers.gpu import slowdowns
from llmmonitor_sidecar.settings import Mode
from llmmonitor_sidecar.settings import Settings as Starting
from llmmonitor_sidecar.signals.judgements import FAILED
from llmmonitor_sidecar.signals.judgements import SIGNALS as COUNTED_SIGNALS
from llmmonitor_sidecar.tee import REQUEST, Kind, TeeRecord

CLIENT_HELLO = b"\x16\x03\x01\x00\xf4\x01"
SMALLEST = {
    "apiVersion": "llmmonitor.io/v1alpha1",
    "kind": "LLMMonitor",
    "metadata": {"name": "m"},
    "spec": {"selector": {"matchLabels": {"app": "m"}}},
}


def test_outcomes_are_called_and_blamed_alike() -> None:
    assert {outcome.value for outcome in FAILED} == figures.FAILED
    assert (Outcome.OK.value, Outcome.ABORTED.value) == (figures.OK, figures.ABORTED)
    assert {Outcome.NOT_ANALYSED.value, Outcome.MALFORMED.value} == figures.NOT_JUDGED


def test_every_signal_of_the_spec_is_counted_and_worded() -> None:
    assert {str(signal) for signal in SIGNALS} == COUNTED_SIGNALS == objectives._BAD_EVENTS.keys()


def test_only_tls_is_recognised_by_what_the_reader_counts_it_as() -> None:
    reader = TrafficReader()
    reader.take([TeeRecord(Kind.OPEN, 1, REQUEST, 1, b""), TeeRecord(Kind.DATA, 1, REQUEST, 2, CLIENT_HELLO)])

    assert reader.totals.interception.opaque_connections == {intercepting.TLS: 1}


def test_token_counts_are_exact_by_the_same_sources() -> None:
    assert {source.value for source in TokenSource if source.exact} == EXACT_SOURCES
    assert TokenSource.NONE.value == NO_TOKENS


def test_slowdowns_of_gpus_that_are_ordinary_are_ones_that_the_sidecar_names() -> None:
    assert set(slowdowns.NAMES.values()) > gpus._MILD


def test_what_nobody_set_is_the_specs_default_everywhere() -> None:
    monitor = load_monitor(SMALLEST)
    configured, judged = configuration_for(monitor), settings_for(monitor)
    starting = Starting(mode=Mode.OFF, target_port=1)

    own = {"generation", "objectives"}
    for field in msgspec.structs.fields(Configuration):
        if field.name not in own:
            assert getattr(configured, field.name) == getattr(Configuration(), field.name), field.name
            if hasattr(starting, field.name):
                assert getattr(configured, field.name) == getattr(starting, field.name), field.name
    for held in dataclasses.fields(Judging):
        if held.name not in own:
            assert getattr(judged, held.name) == getattr(Judging(), held.name), held.name
