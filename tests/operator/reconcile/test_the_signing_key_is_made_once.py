from __future__ import annotations

import base64
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from tests.operator.kube_server import KubeServer, Refusal, refused

from llmmonitor_api.signing.keys import generate_private_key as generate_ed25519
from llmmonitor_api.signing.keys import private_key_to_pem, public_key_bytes
from llmmonitor_operator.keys.keyring import Keyring, OldKey, SigningKey
from llmmonitor_operator.keys.rotation import Step
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import Forbidden
from llmmonitor_operator.reconcile.keep.signing_key import SigningKeys, UnusableSigningKey

SECRETS = paths.secrets("llm-monitor")
SECRET = paths.secret("llm-monitor", "llm-monitor-signing-key")


def secret(pem: bytes) -> dict[str, Any]:
    data = {"ed25519.pem": base64.b64encode(pem).decode()}
    return {"metadata": {"name": "llm-monitor-signing-key"}, "data": data}


def another_kind_of_key() -> bytes:
    return generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


async def key(kube: Kube) -> bytes:
    return (await keys(kube)).current.public


async def keys(kube: Kube) -> Keyring:
    return await SigningKeys(kube, "llm-monitor", "llm-monitor").load()


async def look(kube: Kube, in_use: Keyring) -> Keyring:
    """One at which nothing is to be done."""
    kept = SigningKeys(kube, "llm-monitor", "llm-monitor")
    return await kept.look(in_use, lambda found, *_: Step(found), lambda *_: "")


async def test_the_first_operator_makes_it_and_the_next_ones_read_it(kube: Kube, server: KubeServer) -> None:
    made = await key(kube)

    assert await key(kube) == made
    assert [line.split()[0] for line in server.writes()] == ["POST"]
    kept = server.at(SECRET)
    assert base64.b64decode(kept["data"]["ed25519.pem"]).startswith(b"-----BEGIN PRIVATE KEY-----")
    assert "ownerReferences" not in kept["metadata"]  # kept when the chart goes


async def test_of_two_that_make_one_at_once_the_first_one_counts(kube: Kube, server: KubeServer) -> None:
    theirs = generate_ed25519()

    async def faster(request: web.Request) -> None:
        if request.method == "POST":
            server.put(SECRETS, secret(private_key_to_pem(theirs)))

    server.fault = faster

    assert await key(kube) == public_key_bytes(theirs)


@pytest.mark.parametrize(
    "broken",
    [
        secret(b"-----BEGIN PRIVATE KEY-----\nnot base64\n-----END PRIVATE KEY-----\n"),
        secret(another_kind_of_key()),
        secret(b"") | {"data": {"ed25519.pem": "not base64!"}},
        secret(b"") | {"data": {}},
        {"metadata": {"name": "llm-monitor-signing-key"}},
    ],
)
async def test_one_that_cannot_be_read_is_never_replaced(
    kube: Kube, server: KubeServer, broken: dict[str, Any]
) -> None:
    before = server.put(SECRETS, broken)

    with pytest.raises(UnusableSigningKey) as caught:
        await key(kube)

    assert server.at(SECRET) == before
    assert server.writes() == []
    for said in ("Secret llm-monitor/llm-monitor-signing-key", "ed25519.pem", "backup", "Outdated"):
        assert said in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)


async def test_without_the_right_to_read_it_none_is_made(kube: Kube, server: KubeServer) -> None:
    async def forbid(_request: web.Request) -> web.Response:
        return refused(Refusal(403, "secrets is forbidden", "Forbidden"))

    server.fault = forbid

    with pytest.raises(Forbidden):
        await key(kube)

    assert server.writes() == []


async def test_a_deleted_one_is_made_again_with_the_keys_in_use(kube: Kube, server: KubeServer) -> None:
    in_use = Keyring(SigningKey.new(), SigningKey.new(), 1_800_000_000.0, (OldKey(SigningKey.new(), 5.0),))

    await look(kube, in_use)

    assert await keys(kube) == in_use
    before = server.writes()
    await look(kube, in_use)
    assert server.writes() == before


@pytest.mark.parametrize("theirs", [b"garbage", private_key_to_pem(generate_ed25519())])
async def test_one_that_somebody_else_put_there_is_left_and_said(
    kube: Kube, server: KubeServer, caplog: pytest.LogCaptureFixture, theirs: bytes
) -> None:
    in_use = await keys(kube)
    server.put(SECRETS, secret(theirs))

    assert await look(kube, in_use) == in_use

    assert server.at(SECRET)["data"] == secret(theirs)["data"]
    assert "llm-monitor-signing-key" in caplog.text


async def test_the_key_of_fingerprints_is_made_once_beside_it_and_outlives_a_rotation(
    kube: Kube, server: KubeServer
) -> None:
    in_use = await keys(kube)
    kept = SigningKeys(kube, "llm-monitor", "llm-monitor")

    made = await kept.fingerprint_key()
    rotated = await kept.look(in_use, lambda *_: Step(Keyring(SigningKey.new())), lambda *_: "")

    assert len(made) == 32
    assert rotated != in_use
    assert await SigningKeys(kube, "llm-monitor", "llm-monitor").fingerprint_key() == made
    assert "fingerprint.key" in server.at(SECRET)["data"]
