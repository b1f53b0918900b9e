"""One signature is good for some requests in a row of a sidecar that follows links, and of no other."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.operator.reconcile import sidecar_double
from tests.operator.reconcile.sidecar_double import SidecarDouble

from llmmonitor_api.report.report import BYTES_LIMIT
from llmmonitor_api.signing import RequestVerifier, generate_private_key, public_keys_by_id
from llmmonitor_api.signing.links import LINKS
from llmmonitor_operator.keys.keyring import Keyring, SigningKey
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.client import NoAnswer, RefusedBySidecar, SidecarClient
from llmmonitor_operator.reconcile.sidecars.wire import Connections

KEY = generate_private_key()
STRANGER = generate_private_key()


class Seen:
    """How requests were signed, in order, refused ones included."""

    def __init__(self, double: SidecarDouble) -> None:
        self.schemes: list[str] = []
        self._verifier = double.requests
        double.requests.verify = self._verify  # type: ignore[method-assign]  # looked at on its way

    def _verify(self, authorization: str, method: str, path: str, now: float) -> None:
        self.schemes.append(authorization.partition(" ")[0])
        RequestVerifier.verify(self._verifier, authorization, method, path, now)


@pytest.fixture
async def client() -> AsyncIterator[SidecarClient]:
    with contextlib.closing(Connections(BYTES_LIMIT)) as connections:
        yield SidecarClient(connections, Keyring(SigningKey.of(KEY)))


@pytest.fixture
async def double() -> AsyncIterator[SidecarDouble]:
    async with sidecar_double.running("uid", KEY.public_key()) as one:
        yield one


def address(double: SidecarDouble) -> Address:
    return Address(double.pod_uid, "127.0.0.1", double.port)


async def test_most_requests_show_a_link(client: SidecarClient, double: SidecarDouble) -> None:
    seen = Seen(double)

    for _ in range(2 * LINKS + 4):
        await client.report(address(double))

    one_chain = ["Bearer", *["Link"] * LINKS]
    assert seen.schemes == ["Bearer", *one_chain, *one_chain, "Bearer"]


async def test_a_sidecar_that_does_not_follow_links_is_shown_none(
    client: SidecarClient, double: SidecarDouble
) -> None:
    double.follows_links = False
    seen = Seen(double)

    for _ in range(4):
        await client.report(address(double))

    assert seen.schemes == ["Bearer"] * 4


async def test_a_container_that_began_anew_is_asked_again_at_once(
    client: SidecarClient, double: SidecarDouble
) -> None:
    seen = Seen(double)
    for _ in range(3):
        await client.report(address(double))

    keys = double.keys
    double.believe({})  # as a new process that read its environment
    double.believe(keys)
    for _ in range(3):
        await client.report(address(double))

    assert seen.schemes == ["Bearer", "Bearer", "Link", "Link", "Bearer", "Bearer", "Link"]


async def test_after_a_request_without_an_answer_another_chain_begins(
    client: SidecarClient, double: SidecarDouble
) -> None:
    seen = Seen(double)
    for _ in range(3):
        await client.report(address(double))

    with pytest.raises(NoAnswer):
        await client.report(Address(double.pod_uid, "127.0.0.1", 1))  # where nobody listens
    for _ in range(2):
        await client.report(address(double))

    assert seen.schemes == ["Bearer", "Bearer", "Link", "Bearer", "Link"]


async def test_who_does_not_believe_the_signature_either_refuses(
    client: SidecarClient, double: SidecarDouble
) -> None:
    for _ in range(3):
        await client.report(address(double))

    double.requests.trust(public_keys_by_id([STRANGER.public_key()]))
    with pytest.raises(RefusedBySidecar) as refusal:
        await client.report(address(double))

    assert refusal.value.unknown_key
