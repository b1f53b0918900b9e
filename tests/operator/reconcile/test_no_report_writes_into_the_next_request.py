"""What a sidecar calls itself goes into the next request to it: a header's value, and nothing else."""

from __future__ import annotations

import contextlib

import pytest
from tests.operator.reconcile import sidecar_double

from llmmonitor_api.report.report import BYTES_LIMIT
from llmmonitor_api.report.told import NONE_YET, named
from llmmonitor_api.signing import generate_private_key
from llmmonitor_operator.keys.keyring import Keyring, SigningKey
from llmmonitor_operator.reconcile.sidecars.address import Address
from llmmonitor_operator.reconcile.sidecars.client import SidecarClient
from llmmonitor_operator.reconcile.sidecars.wire import Connections

KEY = generate_private_key()


@pytest.mark.parametrize(
    "boot",
    [
        "boot\r\n\r\nDELETE /v1/clients HTTP/1.1\r\nHost: other\r\n\r\n",
        "boot\r\nAuthorization: Bearer of somebody",
        "boot\nX: y",
        "ä\x00 %0d%0a",
        "\N{GRINNING FACE}" * 256,
    ],
)
async def test_a_boot_is_asked_for_what_is_new_whatever_it_is_called(boot: str) -> None:
    async with sidecar_double.running("uid", KEY.public_key()) as double:
        double.boot_id, double.begun = boot, 3
        address = Address("uid", "127.0.0.1", double.port)
        with contextlib.closing(Connections(BYTES_LIMIT)) as connections:
            client = SidecarClient(connections, Keyring(SigningKey.of(KEY)))
            first = await client.report(address, NONE_YET)
            double.begun = 5

            second = await client.report(address, named(boot, first.identity.sequence))

    assert (first.totals.begun, first.since) == (3, None)
    assert (second.totals.begun, second.since) == (2, first.identity.sequence)
