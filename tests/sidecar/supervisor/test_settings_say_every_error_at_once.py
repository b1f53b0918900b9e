"""Settings come from the environment; a wrong environment is answered with all that is wrong with it."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys

import pytest

from llmmonitor_sidecar.settings import InvalidSettingsError, Mode, Settings, from_environment

LISTEN = {"MODE": "listen", "TARGET_PORT": "8000", "LISTEN_PORT": "8001"}


def _settings(**variables: str) -> Settings:
    return from_environment({f"LLM_MONITOR_{name}": value for name, value in variables.items()})


def _problems(**variables: str) -> tuple[str, ...]:
    with pytest.raises(InvalidSettingsError) as caught:
        _settings(**variables)
    return caught.value.problems


def test_defaults_are_those_of_the_resource() -> None:
    settings = _settings(MODE="transparent", TARGET_PORT="8000")

    assert settings == Settings(mode=Mode.TRANSPARENT, target_port=8000)
    assert (settings.relay_port, settings.api_port) == (14001, 14002)
    assert settings.max_added_latency_seconds == 0.005
    assert settings.resource_interval_seconds == 1.0


def test_everything_can_be_said() -> None:
    key = bytes(range(32))

    settings = _settings(
        **LISTEN,
        TARGET_HOST="model.example",
        MAX_ADDED_LATENCY="1.5ms",
        STOP_GRACE="1m30s",
        MODEL_PID="42",
        METRICS_URL="http://127.0.0.1:8000/metrics",
        PUBLIC_KEY=base64.b64encode(key).decode(),
        CONFIGURATION='{"generation": 3}',
        POD_UID="u",
    )

    assert settings.max_added_latency_seconds == pytest.approx(0.0015)
    assert settings.stop_grace_seconds == 90.0
    assert (settings.model_pid, settings.public_keys, settings.pod_uid) == (42, (key,), "u")
    assert settings.configuration == b'{"generation": 3}'


def test_every_error_is_named_with_its_value_and_the_way_out() -> None:
    problems = _problems(
        MODE="magic",
        RELAY_PORT="15001",
        API_PORT="80",
        STOP_GRACE="15",
        MAX_ADDED_LATENCY="1h",
        MODEL_PID="-1",
        METRICS_URL="ftp://x",
        PUBLIC_KEY="c2hvcnQ=",
    )

    assert [problem.partition(":")[0] for problem in problems] == [
        "LLM_MONITOR_MODE is 'magic'",
        "LLM_MONITOR_TARGET_PORT is not set",
        "LLM_MONITOR_RELAY_PORT is '15001'",
        "LLM_MONITOR_API_PORT is '80'",
        "LLM_MONITOR_MAX_ADDED_LATENCY is '1h'",
        "LLM_MONITOR_STOP_GRACE is '15'",
        "LLM_MONITOR_MODEL_PID is '-1'",
        "LLM_MONITOR_METRICS_URL is 'ftp",
        "LLM_MONITOR_PUBLIC_KEY is 'c2hvcnQ='",
    ]
    assert "listen, transparent, off" in problems[0]
    assert "from 1 to 65535" in problems[1]
    assert "service meshes" in problems[2]


@pytest.mark.parametrize("value", ["8000x", "+8000", "٨٠٠٠", "0", "65536", "8 000"])
def test_a_port_is_plain_digits_in_range(value: str) -> None:
    (problem,) = _problems(MODE="off", TARGET_PORT=value)

    assert repr(value) in problem


def test_two_of_our_ports_may_not_be_one() -> None:
    (problem,) = _problems(MODE="transparent", TARGET_PORT="14001")

    assert problem.startswith("LLM_MONITOR_TARGET_PORT and LLM_MONITOR_RELAY_PORT are both 14001")


def test_listening_on_the_models_port_of_another_address_is_allowed() -> None:
    settings = _settings(**{**LISTEN, "LISTEN_PORT": "8000", "TARGET_HOST": "10.0.0.7"})

    assert settings.listen_port == settings.target_port


def test_service_links_of_kubernetes_are_no_settings() -> None:
    settings = _settings(MODE="transparent", TARGET_PORT="8000", API_PORT="tcp://10.96.0.10:80")

    assert settings.api_port == 14002


def test_what_a_newer_operator_says_is_passed_over() -> None:
    settings = _settings(
        MODE="off", TARGET_PORT="8000", FLUX_CAPACITOR="1.21GW", API_PORT_80_TCP_ADDR="10.96.0.10"
    )

    assert settings == Settings(mode=Mode.OFF, target_port=8000)


def test_a_key_may_have_a_successor_beside_it() -> None:
    old, new = bytes(range(32)), bytes(range(1, 33))
    both = f"{base64.b64encode(old).decode()}, {base64.b64encode(new).decode()},"

    settings = _settings(MODE="off", TARGET_PORT="8000", PUBLIC_KEY=both)

    assert settings.public_keys == (old, new)


def test_each_bad_key_is_named() -> None:
    good = base64.b64encode(bytes(32)).decode()

    problems = _problems(MODE="off", TARGET_PORT="8000", PUBLIC_KEY=f"{good},short,{good}x")

    assert len(problems) == 2
    assert "'short'" in problems[0]


def test_limits_of_the_model_are_plain_numbers() -> None:
    settings = _settings(
        MODE="off",
        TARGET_PORT="8000",
        MEMORY_LIMIT_BYTES="17179869184",
        CPU_LIMIT_CORES="0.5",
        MEMORY_CAP_BYTES="134217728",
    )

    assert (settings.model_memory_limit_bytes, settings.model_cpu_limit_cores) == (1 << 34, 0.5)
    assert settings.memory_cap_bytes == 128 << 20


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MEMORY_LIMIT_BYTES", "16Gi"),
        ("MEMORY_LIMIT_BYTES", "1.5"),
        ("MEMORY_LIMIT_BYTES", "0"),
        ("CPU_LIMIT_CORES", "500m"),
        ("CPU_LIMIT_CORES", "inf"),
        ("MEMORY_CAP_BYTES", "1024"),
        ("GPUS", "0"),
        ("GPUS", "one"),
    ],
)
def test_a_limit_that_is_none_is_said(name: str, value: str) -> None:
    (problem,) = _problems(MODE="off", TARGET_PORT="8000", **{name: value})

    assert problem.startswith(f"LLM_MONITOR_{name} is {value!r}: must be a plain number")


def test_in_a_pod_the_relay_listens_where_the_model_is_expected() -> None:
    assert _settings(**LISTEN).listen_host == "127.0.0.1"
    assert _settings(**LISTEN, POD_IP="10.1.0.1").listen_host == "::"
    assert _settings(**LISTEN, POD_IP="10.1.0.1", LISTEN_HOST="10.1.0.1").listen_host == "10.1.0.1"


def test_a_pod_on_the_nodes_network_is_recognised() -> None:
    assert _settings(
        MODE="transparent", TARGET_PORT="8000", POD_IP="10.0.0.1", HOST_IP="10.0.0.1"
    ).host_network
    assert not _settings(
        MODE="transparent", TARGET_PORT="8000", POD_IP="10.1.0.1", HOST_IP="10.0.0.1"
    ).host_network
    assert not _settings(MODE="transparent", TARGET_PORT="8000").host_network


def test_a_configuration_too_large_for_an_environment_is_refused() -> None:
    (problem,) = _problems(**LISTEN, CONFIGURATION="x" * 130_000)

    assert "130000 bytes; the limit is 122880" in problem
    assert len(problem) < 200


def test_the_program_ends_with_two_outside_a_pod_and_stays_within() -> None:
    command = [sys.executable, "-m", "llmmonitor_sidecar.main"]
    environment = {key: value for key, value in os.environ.items() if key != "KUBERNETES_SERVICE_HOST"}

    outside = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert outside.returncode == 2
    assert "LLM_MONITOR_MODE is not set" in outside.stderr
    assert "LLM_MONITOR_TARGET_PORT is not set" in outside.stderr

    environment["KUBERNETES_SERVICE_HOST"] = "10.96.0.1"
    within = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert within.stderr
    with within.stderr:
        while "TARGET_PORT" not in within.stderr.readline():
            assert within.poll() is None
        within.send_signal(signal.SIGTERM)
        assert within.wait(20) == 0
