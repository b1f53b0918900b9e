from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_operator.preflight.verdict import (
    COMMON_KEY,
    WORDS_LIMIT,
    Common,
    NamespaceVerdict,
    NumberedPort,
    Verdicts,
    decode_verdict,
    encode,
    read,
    write,
)

COMMON = Common(image="registry.test/sidecar@sha256:1", public_keys=("a2V5",))
VERDICT = NamespaceVerdict(
    fingerprint="f",
    transparent=False,
    plain=True,
    refusal="violates PodSecurity",
    refused_by="PodSecurityForbids",
    numbered_ports=(NumberedPort("chat", {"app": "chat"}, 8000),),
)


def test_what_is_written_is_read_again_also_for_a_namespace_called_common() -> None:
    verdicts = Verdicts(COMMON, {"prod": VERDICT, "common": NamespaceVerdict()})

    assert read({"data": write(verdicts)}) == verdicts
    assert read({"data": write(verdicts)}).common == COMMON


def test_fields_of_a_newer_operator_are_set_aside() -> None:
    written = json.loads(encode(VERDICT)) | {"ambient": {"new": [1]}}

    assert decode_verdict(json.dumps(written)) == VERDICT


@given(
    st.dictionaries(st.sampled_from([COMMON_KEY, "prod"]), st.text() | st.integers() | st.none())
    | st.none()
    | st.lists(st.integers())
)
def test_garbage_counts_as_no_verdict(data: object) -> None:
    verdicts = read({"data": data})

    assert verdicts.common is None
    assert all(isinstance(verdict, NamespaceVerdict) for verdict in verdicts.namespaces.values())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_a_field_of_another_type_makes_the_document_unreadable(value: object) -> None:
    written = json.dumps({"fingerprint": "f", "transparent": value})

    known = decode_verdict(written)
    assert (known is not None) == (value is None or isinstance(value, bool))


def test_a_document_without_an_image_is_no_common_one() -> None:
    assert read({"data": {COMMON_KEY: '{"image": ""}'}}).common is None


def test_keys_that_are_no_base64_are_left_out() -> None:
    assert Common(image="i", public_keys=("a2V5", "ké", "***")).keys == (b"key",)


def test_long_words_of_others_are_cut_so_that_a_thousand_namespaces_fit() -> None:
    long = NamespaceVerdict(refusal="x" * 10_000, message="y" * 10_000)

    data = write(Verdicts(COMMON, {f"namespace-{number}": long for number in range(700)}))

    assert len(json.loads(data["namespace-1"])["refusal"]) == WORDS_LIMIT
    assert sum(len(key) + len(text.encode()) for key, text in data.items()) < 2**20


def test_one_tenants_namespaces_leave_room_for_the_others() -> None:
    numbered = tuple(NumberedPort("s" * 63, {"k" * 63: "v" * 63}, 8000) for _ in range(20))
    fat = {
        f"fat-{number:03}": NamespaceVerdict(refusal="ü" * 600, numbered_ports=numbered)
        for number in range(300)
    }

    data = write(Verdicts(COMMON, {**fat, "prod": VERDICT, "test": VERDICT}))

    assert {COMMON_KEY, "prod", "test", "fat-000"} <= data.keys()
    assert "fat-299" not in data
    assert sum(len(key) + len(text.encode()) for key, text in data.items()) < 2**20
