from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.spec.target import Target
from llmmonitor_operator.pods.commands import commands_of
from llmmonitor_operator.pods.serving import NotServing, find_serving

TEXT = st.text(alphabet=st.sampled_from(list("ab=-$ (){}'\"\\\n\t;&|#<>1:%.é")), max_size=60)


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("a b; c && d | e & f", [["a", "b"], ["c"], ["d"], ["e"], ["f"]]),
        ("a \\\n  --x 'y z'\nb", [["a", "--x", "y z"], ["b"]]),
        ("# don't\na # that's\nb#c", [["a"], ["b#c"]]),
        ("a >log 2>&1 --x", [["a", ">log", "--x"]]),
        ("cat <<EOF\nit's open\nEOF\na\tb", [["cat", "<<EOF"], ["it's", "open"], ["EOF"], ["a", "b"]]),
        ("bash -c 'sh -c \"a b\"; c'", [["a", "b"], ["c"]]),
    ],
)
def test_a_script_is_taken_apart(script: str, commands: list[list[str]]) -> None:
    found = commands_of({"command": ["tini", "--", "/bin/bash", "-euxc"], "args": [script]}, {})

    assert [list(words) for words in found.simple] == commands


def test_variables_are_filled_in_by_kubelet_and_shell_as_far_as_they_are_known() -> None:
    container = {
        "command": ["sh", "-c", "C=3; run --a $(A) --b=$B --c ${C} --d ${D:-4} --e $E --f $$(A)"],
        "env": [
            {"name": "A", "value": "1"},
            {"name": "B", "value": "$(A)2"},
            {"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
    }

    commands = commands_of(container, {})
    words = commands.simple[-1]

    given_ = {name: (commands.option(words, [f"--{name}"]) or ("", ""))[1] for name in "abcdef"}
    assert given_ == {"a": "1", "b": "12", "c": "3", "d": "4", "e": "$E", "f": "$(A)"}


def test_the_last_of_an_option_counts_as_in_argparse() -> None:
    commands = commands_of({"args": ["--port", "1", "--port=2", "--ports", "3"]}, {})

    assert commands.option(commands.simple[0], ["--port"]) == ("--port", "2")


@given(st.lists(TEXT, max_size=4), st.lists(TEXT, max_size=4), TEXT, TEXT)
def test_no_text_breaks_the_reading(command: list[str], args: list[str], image: str, value: str) -> None:
    container = {
        "name": "c",
        "image": image,
        "command": ["sh", "-c", *command],
        "args": args,
        "env": [{"name": "A", "value": value}, {"name": "OLLAMA_HOST", "value": value}],
    }

    try:
        serving = find_serving({"spec": {"containers": [container]}}, Target())
    except NotServing:
        return
    assert 0 < serving.port < 65536
