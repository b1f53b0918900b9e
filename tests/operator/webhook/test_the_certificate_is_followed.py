"""Files change as the kubelet changes them; handshakes begin with the newest good certificate."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from tests.operator.webhook.conftest import HOST, Mount

from llmmonitor_operator.certificates.pem import write_certificates, write_key
from llmmonitor_operator.webhook.served_certificate import ServedCertificate

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def echoing(certificate: ServedCertificate) -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def connect(port: int, mount: Mount, host: str | None = HOST) -> Streams:
    trust = mount.trust
    trust.check_hostname = host is not None  # by address: a client that sends no server name
    return await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=host or "")


def served(streams: Streams) -> int:
    """The serial number of the certificate that this connection began with."""
    found: ssl.SSLObject = streams[1].get_extra_info("ssl_object")
    return x509.load_der_x509_certificate(found.getpeercert(binary_form=True) or b"").serial_number


async def echoes(streams: Streams) -> bool:
    streams[1].write(b"ping")
    return await streams[0].readexactly(4) == b"ping"


async def test_a_new_certificate_is_served_and_open_connections_stay(mount: Mount) -> None:
    certificate = ServedCertificate(mount.folder)
    async with echoing(certificate) as port:
        first = await connect(port, mount)
        new = mount.serve().certificate

        certificate.look()
        second = await connect(port, mount)

        assert served(second) == new.serial_number != served(first)
        assert await echoes(first)
        assert await echoes(second)
        for one in (first, second):
            one[1].close()


async def test_a_client_that_names_no_server_is_served_too(mount: Mount) -> None:
    certificate = ServedCertificate(mount.folder)
    async with echoing(certificate) as port:
        streams = await connect(port, mount, None)

        assert await echoes(streams)
        streams[1].close()


@pytest.mark.parametrize("kind", ["garbage", "another key", "expired", "not yet valid", "gone", "half"])
async def test_files_of_no_use_are_said_once_and_the_one_before_stays(
    mount: Mount, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusals: list[None] = []
    certificate = ServedCertificate(mount.folder, refused=lambda: refusals.append(None))
    before = certificate.valid_until
    good, other = mount.serve(), mount.serve()
    match kind:
        case "garbage":
            mount.put(b"garbage", b"garbage")
        case "another key":
            mount.put(write_certificates([good.certificate]), write_key(other.key))
        case "expired":
            mount.serve(now=datetime.now(UTC) - timedelta(days=91))
        case "not yet valid":
            mount.serve(now=datetime.now(UTC) + timedelta(days=1))
        case "gone":
            mount.empty()
        case "half":
            mount.put(write_certificates([good.certificate])[:100], b"")

    for _ in range(3):
        certificate.look()
    async with echoing(certificate) as port:
        streams = await connect(port, mount)
        streams[1].close()

    assert certificate.valid_until == before
    assert certificate.why_not == ""
    assert certificate.problem
    assert len(refusals) == 1
    said = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 1
    assert "the one before stays" in said[0].getMessage()


async def test_a_certificate_that_becomes_valid_is_served_then(mount: Mount) -> None:
    clock = [datetime.now(UTC)]
    certificate = ServedCertificate(mount.folder, now=lambda: clock[0])
    new = mount.serve(now=clock[0] + timedelta(days=1)).certificate
    certificate.look()
    assert "valid only from" in certificate.problem

    clock[0] += timedelta(days=1)
    certificate.look()

    assert certificate.problem == ""
    assert certificate.valid_until == new.not_valid_after_utc


def test_what_is_served_may_expire_and_that_is_said(mount: Mount) -> None:
    clock = [datetime.now(UTC)]
    certificate = ServedCertificate(mount.folder, now=lambda: clock[0])
    assert certificate.why_not == ""

    clock[0] += timedelta(days=90)

    assert certificate.why_not.startswith("the certificate expired")


async def test_without_any_certificate_handshakes_are_refused(tmp_path: Path) -> None:
    mount = Mount(tmp_path / "tls")
    refusals: list[None] = []
    certificate = ServedCertificate(mount.folder, refused=lambda: refusals.append(None))
    async with echoing(certificate) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await connect(port, mount)

    assert not refusals  # it is only waited for
    assert "No such file or directory" in certificate.why_not


def test_plain_files_without_links_will_do(tmp_path: Path) -> None:
    mount = Mount(tmp_path / "tls")
    pair = mount.serve()
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "tls.crt").write_bytes(write_certificates([pair.certificate]))
    (plain / "tls.key").write_bytes(write_key(pair.key))

    assert ServedCertificate(plain).why_not == ""
