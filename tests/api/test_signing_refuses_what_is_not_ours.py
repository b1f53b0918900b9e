from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmmonitor_api.configuration import Configuration, ObjectiveSetting
from llmmonitor_api.signing import (
    ConfigurationVerifier,
    Refused,
    RefusedReason,
    RequestVerifier,
    generate_private_key,
    key_id,
    private_key_from_pem,
    private_key_to_pem,
    public_key_bytes,
    public_key_from_bytes,
    public_keys_by_id,
    sign_configuration,
    sign_request,
)

KEY = generate_private_key()
KEYS = public_keys_by_id([KEY.public_key()])
POD = "6f1c0000-pod"
NOW = 1_800_000_000.0
DAY = 24 * 3600
SKEW = 300
SETTINGS = Configuration(
    generation=7,
    objectives=(ObjectiveSetting("fast", "TimeToFirstToken", 0.8, "800ms"),),
    resource_interval_seconds=9,
)


def sidecar(generation: int = 0) -> ConfigurationVerifier:
    return ConfigurationVerifier(KEYS, POD, started_at=NOW - 60, generation=generation)


def refused(call: Callable[[], object]) -> RefusedReason:
    with pytest.raises(Refused) as caught:
        call()
    assert str(caught.value), "a refusal says why"
    return caught.value.reason


def segment(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_signed_configuration_is_taken_as_it_was_written() -> None:
    signed = sidecar().verify(sign_configuration(SETTINGS, KEY, POD, NOW), NOW)

    assert signed.configuration == SETTINGS
    assert signed.expires_at == NOW + DAY


def test_any_of_two_keys_is_taken_while_a_key_is_replaced() -> None:
    new = generate_private_key()
    verifier = ConfigurationVerifier(public_keys_by_id([KEY.public_key(), new.public_key()]), POD, NOW)

    for key in (KEY, new):
        assert verifier.verify(sign_configuration(SETTINGS, key, POD, NOW), NOW).configuration == SETTINGS


@pytest.mark.parametrize(
    ("signed_at", "reason"),
    [
        (NOW - DAY - SKEW - 1, RefusedReason.EXPIRED),
        (NOW + SKEW + 1, RefusedReason.NOT_YET_VALID),
    ],
)
def test_a_document_outside_its_time_is_refused(signed_at: float, reason: RefusedReason) -> None:
    document = sign_configuration(SETTINGS, KEY, POD, signed_at)

    assert refused(lambda: sidecar().verify(document, NOW)) is reason


@pytest.mark.parametrize("now", [NOW - SKEW + 1, NOW + DAY + SKEW - 1])
def test_five_minutes_of_clock_skew_are_tolerated(now: float) -> None:
    document = sign_configuration(SETTINGS, KEY, POD, NOW)

    assert sidecar().verify(document, now).configuration == SETTINGS


def test_another_pods_document_is_refused() -> None:
    document = sign_configuration(SETTINGS, KEY, "another", NOW)

    assert refused(lambda: sidecar().verify(document, NOW)) is RefusedReason.OTHER_POD


def test_a_key_that_did_not_come_with_the_injection_is_refused_by_name() -> None:
    document = sign_configuration(SETTINGS, generate_private_key(), POD, NOW)

    assert refused(lambda: sidecar().verify(document, NOW)) is RefusedReason.UNKNOWN_KEY


def test_a_sidecar_without_any_key_takes_nothing() -> None:
    verifier = ConfigurationVerifier({}, POD, NOW)

    assert refused(lambda: verifier.verify(sign_configuration(SETTINGS, KEY, POD, NOW), NOW)) is (
        RefusedReason.UNKNOWN_KEY
    )


def test_a_strangers_signature_under_our_keys_name_is_forged() -> None:
    ours = sign_configuration(SETTINGS, KEY, POD, NOW)
    theirs = jwt.PyJWS(algorithms=["EdDSA"]).encode(
        base64.urlsafe_b64decode(ours.split(".")[1] + "=="),
        generate_private_key(),
        "EdDSA",
        jwt.get_unverified_header(ours),
    )

    assert refused(lambda: sidecar().verify(theirs, NOW)) is RefusedReason.FORGED


@given(st.data())
def test_no_changed_bit_is_taken(data: st.DataObject) -> None:
    document = sign_configuration(SETTINGS, KEY, POD, NOW).encode()
    parts = [base64.urlsafe_b64decode(part + b"==") for part in document.split(b".")]
    part = data.draw(st.integers(0, 2))
    at = data.draw(st.integers(0, 8 * len(parts[part]) - 1))
    changed = bytearray(parts[part])
    changed[at // 8] ^= 1 << at % 8
    parts[part] = bytes(changed)

    with pytest.raises(Refused):
        sidecar().verify(".".join(map(segment, parts)), NOW)


@given(st.one_of(st.text(), st.binary(), st.text("ey.AQ-_{}", max_size=200)))
def test_garbage_is_refused_and_never_an_error(document: str | bytes) -> None:
    with pytest.raises(Refused):
        sidecar().verify(document, NOW)


@pytest.mark.parametrize("algorithm", ["none", "HS256", "Ed448", "RS256", None, 7, ["EdDSA"]])
def test_the_sender_does_not_choose_the_algorithm(algorithm: object) -> None:
    payload = sign_configuration(SETTINGS, KEY, POD, NOW).split(".")[1]
    header = segment({"alg": algorithm, "typ": "llm-monitor-configuration+jwt", "kid": key_id(KEY)})
    mac = hmac.digest(public_key_bytes(KEY), f"{header}.{payload}".encode(), "sha256")

    for signature in ("", segment(mac)):
        assert refused(lambda s=signature: sidecar().verify(f"{header}.{payload}.{s}", NOW)) is (  # type: ignore[misc]  # mypy cannot type a lambda's default
            RefusedReason.WRONG_ALGORITHM
        )


@pytest.mark.parametrize("extra", [{"crit": ["b64"], "b64": False}, {"jwk": {}}, {"crit": ["x"], "x": 1}])
def test_a_header_with_extensions_is_refused(extra: dict[str, object]) -> None:
    payload = sign_configuration(SETTINGS, KEY, POD, NOW).split(".")[1]
    header = segment({"alg": "EdDSA", "typ": "llm-monitor-configuration+jwt", "kid": key_id(KEY), **extra})
    signature = segment(KEY.sign(f"{header}.{payload}".encode()))

    assert refused(lambda: sidecar().verify(f"{header}.{payload}.{signature}", NOW)) in (
        RefusedReason.WRONG_ALGORITHM,
        RefusedReason.MALFORMED,
    )


def test_a_signed_request_is_no_document_and_a_document_no_request() -> None:
    header = sign_request("PUT", "/v1/config", KEY, POD, NOW)
    document = sign_configuration(SETTINGS, KEY, POD, NOW)

    assert refused(lambda: sidecar().verify(header.split()[1], NOW)) is RefusedReason.WRONG_KIND
    assert refused(
        lambda: RequestVerifier(KEYS, POD).verify(f"Bearer {document}", "PUT", "/v1/config", NOW)
    ) is (RefusedReason.WRONG_KIND)


def signed_claims(claims: object, kind: str = "llm-monitor-configuration+jwt") -> str:
    headers = {"typ": kind, "kid": key_id(KEY)}
    return jwt.PyJWS(algorithms=["EdDSA"]).encode(json.dumps(claims).encode(), KEY, "EdDSA", headers)


@pytest.mark.parametrize(
    "claims",
    [
        [],
        {},
        {"aud": POD, "iat": NOW, "nbf": NOW, "exp": NOW + 9},
        {"aud": [POD], "iat": NOW, "nbf": NOW, "exp": NOW + 9, "settings": {}},
        {"aud": POD, "iat": "now", "nbf": NOW, "exp": NOW + 9, "settings": {}},
        {"aud": POD, "iat": NOW, "nbf": NOW, "exp": NOW + 9, "settings": {"generation": "7"}},
    ],
)
def test_well_signed_claims_of_the_wrong_shape_are_malformed(claims: object) -> None:
    assert refused(lambda: sidecar().verify(signed_claims(claims), NOW)) is RefusedReason.MALFORMED


def test_an_older_generation_does_not_come_back() -> None:
    verifier = sidecar()
    old = sign_configuration(Configuration(generation=6), KEY, POD, NOW - 10)
    verifier.taken(verifier.verify(sign_configuration(SETTINGS, KEY, POD, NOW), NOW))

    assert refused(lambda: verifier.verify(old, NOW)) is RefusedReason.OLD_GENERATION


def test_an_older_signature_of_the_same_generation_does_not_come_back() -> None:
    verifier = sidecar(generation=7)
    recorded = sign_configuration(SETTINGS, KEY, POD, NOW)
    refreshed = sign_configuration(SETTINGS, KEY, POD, NOW + 6 * 3600)
    verifier.taken(verifier.verify(refreshed, NOW + 6 * 3600))

    assert refused(lambda: verifier.verify(recorded, NOW + 6 * 3600)) is RefusedReason.REPLAYED


def test_the_same_document_may_be_put_twice() -> None:
    verifier = sidecar()
    document = sign_configuration(SETTINGS, KEY, POD, NOW)
    verifier.taken(verifier.verify(document, NOW))

    assert verifier.verify(document, NOW + 1).configuration == SETTINGS


def test_nothing_is_remembered_of_a_document_that_was_only_looked_at() -> None:
    verifier = sidecar()
    verifier.verify(sign_configuration(Configuration(generation=9), KEY, POD, NOW), NOW)

    assert verifier.verify(sign_configuration(SETTINGS, KEY, POD, NOW), NOW).configuration == SETTINGS


def test_a_restarted_sidecar_refuses_what_was_recorded_before_its_start() -> None:
    document = sign_configuration(SETTINGS, KEY, POD, NOW)
    restarted = ConfigurationVerifier(KEYS, POD, started_at=NOW + SKEW + 1)

    assert refused(lambda: restarted.verify(document, NOW + SKEW + 2)) is RefusedReason.REPLAYED


def test_a_huge_document_is_refused_before_it_is_looked_at() -> None:
    assert refused(lambda: sidecar().verify("a" * 300_000, NOW)) is RefusedReason.TOO_LARGE


def test_a_signed_request_is_answered_once() -> None:
    verifier = RequestVerifier(KEYS, POD)
    header = sign_request("GET", "/v1/report?a=1", KEY, POD, NOW)
    verifier.verify(header, "GET", "/v1/report?a=1", NOW)

    assert (
        refused(lambda: verifier.verify(header, "GET", "/v1/report?a=1", NOW + 1)) is RefusedReason.REPLAYED
    )


@pytest.mark.parametrize(
    ("method", "path", "pod", "at", "reason"),
    [
        ("PUT", "/v1/report", POD, NOW, RefusedReason.OTHER_REQUEST),
        ("GET", "/v1/report?since=1", POD, NOW, RefusedReason.OTHER_REQUEST),
        ("GET", "/v1/report", "another", NOW, RefusedReason.OTHER_POD),
        ("GET", "/v1/report", POD, NOW + 60 + SKEW + 1, RefusedReason.EXPIRED),
        ("GET", "/v1/report", POD, NOW - SKEW - 1, RefusedReason.NOT_YET_VALID),
    ],
)
def test_a_request_signed_for_something_else_is_refused(
    method: str, path: str, pod: str, at: float, reason: RefusedReason
) -> None:
    header = sign_request("GET", "/v1/report", KEY, POD, NOW)

    assert refused(lambda: RequestVerifier(KEYS, pod).verify(header, method, path, at)) is reason


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer  "])
def test_an_unsigned_request_is_told_so(header: str) -> None:
    reason = refused(lambda: RequestVerifier(KEYS, POD).verify(header, "GET", "/v1/report", NOW))

    assert reason in (RefusedReason.MISSING, RefusedReason.MALFORMED)


def test_a_request_that_wants_to_live_long_is_refused() -> None:
    claims = {"aud": POD, "iat": NOW, "nbf": NOW, "exp": NOW + 61, "method": "GET", "path": "/", "jti": "a"}
    header = f"Bearer {signed_claims(claims, kind='llm-monitor-request+jwt')}"

    reason = refused(lambda: RequestVerifier(KEYS, POD).verify(header, "GET", "/", NOW))

    assert reason is RefusedReason.TOO_LONG_LIVED


def test_the_replay_memory_is_bounded_and_forgets_what_expired() -> None:
    verifier = RequestVerifier(KEYS, POD, remembered_limit=3)

    def ask(now: float) -> None:
        verifier.verify(sign_request("GET", "/", KEY, POD, now), "GET", "/", now)

    for _ in range(3):
        ask(NOW)
    assert refused(lambda: ask(NOW)) is RefusedReason.TOO_MANY
    ask(NOW + 60 + SKEW + 1)


def test_keys_survive_being_written_down() -> None:
    again = private_key_from_pem(private_key_to_pem(KEY))

    assert key_id(again) == key_id(KEY) == key_id(public_key_from_bytes(public_key_bytes(KEY)))
    assert len(public_key_bytes(KEY)) == 32


@pytest.mark.parametrize(
    "pem", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_key_is_said(pem: bytes) -> None:
    with pytest.raises(ValueError, match="PEM"):
        private_key_from_pem(pem)
