"""In a pod nobody sees another container's descriptors: the model is found by what anyone may see."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmmonitor_sidecar.samplers.containers import Ambiguous, Seen, first_of_model, listening_uids

PORT = 8000
OURS = (
    Seen(70, "0::/../sidecar", 65532, ("python3", "/usr/bin/llm-monitor-sidecar"), 50.0),
    Seen(71, "0::/../sidecar", 65532, ("python3", "/usr/bin/llm-monitor-sidecar"), 51.0),
)
OWN = frozenset({70, 71})
PAUSE = Seen(1, "0::/../sandbox", 65535, ("/pause",), 1.0)
VLLM = (
    Seen(7, "0::/../model", 0, ("python3", "-m", "vllm.entrypoints.openai.api_server"), 10.0),
    Seen(8, "0::/../model", 0, ("ray::worker",), 12.0),
)
PROXY = (Seen(30, "0::/../proxy", 101, ("/usr/sbin/nginx",), 9.0),)


def test_attached_it_is_process_1_of_the_namespace_whatever_else_was_attached() -> None:
    model = (
        Seen(1, "0::/../model", 0, ("sh", "-c", "serve"), 5.0),
        Seen(9, "0::/../model", 0, ("serve",), 6.0),
    )
    debugging = Seen(90, "0::/../debug", 0, ("sh",), 60.0)

    assert first_of_model([*model, debugging, *OURS], OWN, PORT, frozenset({0})) == 1


def test_with_shared_processes_it_is_the_only_other_container() -> None:
    assert first_of_model([PAUSE, *OURS, *VLLM], OWN, PORT, frozenset({0})) == 7


def test_of_several_it_is_the_one_whose_user_listens() -> None:
    assert first_of_model([PAUSE, *OURS, *PROXY, *VLLM], OWN, PORT, frozenset({0})) == 7


def test_of_several_of_one_user_it_is_the_one_that_names_the_port() -> None:
    other = Seen(40, "0::/../other", 0, ("exporter", "--port=18000"), 8.0)
    named = Seen(41, "0::/../named", 0, ("llama-server", "--port", "8000"), 20.0)

    assert first_of_model([PAUSE, *OURS, other, named], OWN, PORT, frozenset({0})) == 41


def test_a_predecessor_of_ours_is_not_taken_for_the_model() -> None:
    predecessor = Seen(60, "0::/../before", 65532, ("python3", "/usr/bin/llm-monitor-sidecar"), 40.0)

    assert first_of_model([PAUSE, predecessor, *OURS, *VLLM], OWN, PORT, frozenset({65532})) == 7


def test_who_looks_for_us_in_the_models_container_is_not_us() -> None:
    looking = Seen(99, "0::/../model", 0, ("pgrep", "llm-monitor-sidecar"), 99.0)

    assert first_of_model([PAUSE, looking, *OURS, *VLLM], OWN, PORT, frozenset({0})) == 7


def test_what_cannot_be_told_is_said() -> None:
    twin = Seen(40, "0::/../other", 0, ("exporter",), 8.0)

    with pytest.raises(Ambiguous, match=r"2 containers' processes can be seen.*\(exporter, python3\)"):
        first_of_model([PAUSE, *OURS, *VLLM, twin], OWN, PORT, frozenset({0}))
    with pytest.raises(Ambiguous, match="no other container's processes can be seen"):
        first_of_model([PAUSE, *OURS], OWN, PORT, frozenset({0}))
    with pytest.raises(Ambiguous, match="no other container's processes can be seen"):
        first_of_model(OURS, OWN, PORT, frozenset({0}))


def test_users_of_listening_sockets_are_the_kernels_word(tmp_path: Path) -> None:
    folder = tmp_path / "proc/net"
    folder.mkdir(parents=True)
    nothing = "00000000:00000000 00:00000000 00000000"
    rows = [
        "sl local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode",
        f"   0: 00000000:1F40 00000000:0000 0A {nothing}  1000        0 22 1 0 100",
        f"   1: 0100007F:1F40 0100007F:9C40 01 {nothing}  1001        0 23 1 0 100",
        f"   2: 00000000:1F41 00000000:0000 0A {nothing}  1002        0 24 1 0 100",
    ]
    (folder / "tcp").write_text("\n".join(rows))

    assert listening_uids(PORT, tmp_path) == frozenset({1000})
