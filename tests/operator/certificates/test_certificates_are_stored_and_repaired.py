"""Secrets and the `caBundle`: made where they lack, left alone where they are right, repaired where not."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from tests.operator.certificates.conftest import (
    CA,
    HOST,
    OWNER,
    PLACE,
    TLS,
    WEBHOOK,
    ApiServer,
    Clock,
    webhook_configuration,
)
from tests.operator.certificates.test_certificates_never_interrupt_calls import verify

from llmmonitor_operator.certificates.authority import issue, make_authority
from llmmonitor_operator.certificates.pem import read_certificates, read_pair, write_certificates, write_key
from llmmonitor_operator.certificates.store import CertificateStore
from llmmonitor_operator.kube.errors import Conflict, Forbidden
from llmmonitor_operator.reconcile.metrics.operator_metrics import OperatorMetrics


async def test_a_fresh_release_gets_everything_in_one_pass(
    api: ApiServer, store: CertificateStore, clock: Clock, tmp_path: Path
) -> None:
    await store.tend()

    verify(api.data(TLS, "tls.crt"), api.ca_bundle, clock.now)
    assert api.objects[TLS]["type"] == "kubernetes.io/tls"
    for path in (CA, TLS):
        assert api.objects[path]["metadata"]["ownerReferences"] == [OWNER]
    (tmp_path / "tls.crt").write_bytes(api.data(TLS, "tls.crt"))
    (tmp_path / "tls.key").write_bytes(api.data(TLS, "tls.key"))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")


async def test_the_authority_is_trusted_before_there_is_a_certificate_of_it(
    api: ApiServer, store: CertificateStore
) -> None:
    await store.tend()

    assert api.writes == [("create", CA), ("patch", WEBHOOK), ("create", TLS)]


async def test_nothing_is_written_while_all_is_well(
    api: ApiServer, store: CertificateStore, clock: Clock
) -> None:
    await store.tend()
    version = api.version

    clock.pass_(days=50)
    await store.tend()

    assert api.version == version


async def test_only_the_ca_bundle_of_our_entry_is_written(api: ApiServer, store: CertificateStore) -> None:
    await store.tend()

    written = api.objects[WEBHOOK]
    bundle = written["webhooks"][1]["clientConfig"].pop("caBundle")
    assert bundle
    assert written["webhooks"] == webhook_configuration()["webhooks"]


@pytest.mark.parametrize("webhooks", [None, [], [{"name": "other.example.com", "clientConfig": {}}]])
async def test_a_configuration_without_our_entry_is_left_alone(
    api: ApiServer, store: CertificateStore, webhooks: Any
) -> None:
    thing = api.put(WEBHOOK, {"metadata": {"name": "llm-monitor"}, "webhooks": webhooks})

    await store.tend()

    assert api.objects[WEBHOOK] == thing
    assert api.data(TLS, "tls.crt")


async def test_without_a_webhook_configuration_the_certificate_is_made_all_the_same(
    api: ApiServer, store: CertificateStore
) -> None:
    del api.objects[WEBHOOK]
    await store.tend()

    api.put(WEBHOOK, webhook_configuration())
    await store.tend()

    assert api.ca_bundle == api.data(CA, "ca.crt")


async def test_a_deleted_serving_secret_is_back_at_once(
    api: ApiServer, store: CertificateStore, clock: Clock
) -> None:
    await store.tend()
    authority = api.data(CA, "ca.crt")
    del api.objects[TLS]

    await store.tend()

    assert api.data(CA, "ca.crt") == authority
    verify(api.data(TLS, "tls.crt"), authority, clock.now)


async def test_both_secrets_deleted_the_certificate_in_the_webhooks_memory_is_still_trusted(
    api: ApiServer, store: CertificateStore, clock: Clock
) -> None:
    await store.tend()
    served = api.data(TLS, "tls.crt")
    del api.objects[CA], api.objects[TLS]

    await store.tend()

    verify(served, api.ca_bundle, clock.now)
    verify(api.data(TLS, "tls.crt"), api.ca_bundle, clock.now)


garbage = st.sampled_from(
    [b"", b"garbage", b"\xff\x00", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)


@given(path=st.sampled_from([CA, TLS]), crt=garbage, key=garbage)
async def test_garbage_in_a_secret_is_replaced(path: str, crt: bytes, key: bytes) -> None:
    clock, api = Clock(), ApiServer()
    api.put(WEBHOOK, webhook_configuration())
    store = CertificateStore(api, PLACE, clock)
    await store.tend()
    if path == CA:
        api.spoil(path, ca_crt=crt, ca_key=key)
    else:
        api.spoil(path, tls_crt=crt, tls_key=key, ca_crt=crt)

    await store.tend()

    assert len(read_certificates(api.data(CA, "ca.crt"))) == 1
    verify(api.data(TLS, "tls.crt"), api.ca_bundle, clock.now)


@pytest.mark.parametrize("path", [CA, TLS])
@pytest.mark.parametrize(
    ("known", "strange"),
    [("06082a8648ce3d030107", "06082a8648ce3d030101"), ("06072a8648ce3d0201", "06072a8648ce3d0205")],
    ids=["a curve", "an algorithm"],
)
async def test_a_certificate_whose_key_nobody_knows_is_replaced(
    api: ApiServer, store: CertificateStore, path: str, known: str, strange: str
) -> None:
    await store.tend()
    name = "ca.crt" if path == CA else "tls.crt"
    [good] = read_certificates(api.data(path, name))
    odd = good.public_bytes(Encoding.DER).replace(bytes.fromhex(known), bytes.fromhex(strange), 1)
    pem = write_certificates([x509.load_der_x509_certificate(odd)])
    api.spoil(path, **{name.replace(".", "_"): pem})

    await store.tend()

    assert api.data(path, name) != pem


async def test_garbage_that_is_no_base64_is_replaced(api: ApiServer, store: CertificateStore) -> None:
    await store.tend()
    api.put(TLS, {**api.objects[TLS], "data": {"tls.crt": "%%%", "tls.key": None}})
    configuration = api.objects[WEBHOOK]
    configuration["webhooks"][1]["clientConfig"]["caBundle"] = "%%%"
    api.put(WEBHOOK, configuration)

    await store.tend()

    assert api.data(TLS, "tls.crt")
    assert api.ca_bundle == api.data(CA, "ca.crt")


async def test_a_certificate_for_other_names_or_by_a_stranger_is_replaced(
    api: ApiServer, store: CertificateStore, clock: Clock
) -> None:
    await store.tend()
    ours = make_authority("not so", clock.now)
    strangers = issue(ours, [HOST], clock.now)
    known = read_pair(api.data(CA, "ca.crt"), api.data(CA, "ca.key"))
    misnamed = issue(type(ours)(known.certificate, known.key), ["other.svc"], clock.now)  # type: ignore[arg-type]  # EC

    for pair in (strangers, misnamed):
        api.spoil(TLS, tls_crt=write_certificates([pair.certificate]), tls_key=write_key(pair.key))
        await store.tend()

        verify(api.data(TLS, "tls.crt"), api.ca_bundle, clock.now)


async def test_a_key_of_another_certificate_is_noticed(api: ApiServer, store: CertificateStore) -> None:
    await store.tend()
    api.spoil(TLS, tls_key=api.data(CA, "ca.key"))

    await store.tend()

    read_pair(api.data(TLS, "tls.crt"), api.data(TLS, "tls.key"))


async def test_what_others_keep_in_the_secret_stays(api: ApiServer, store: CertificateStore) -> None:
    await store.tend()
    labelled = {**api.objects[TLS]["metadata"], "labels": {"team": "platform"}}
    api.put(TLS, {**api.objects[TLS], "metadata": labelled})
    api.spoil(TLS, tls_crt=b"", other=b"kept")

    await store.tend()

    assert api.data(TLS, "other") == b"kept"
    assert api.objects[TLS]["metadata"]["labels"] == {"team": "platform"}


class Racing(ApiServer):
    """Before each write of one operator another one finishes a whole pass."""

    other: CertificateStore | None = None

    async def _other_first(self) -> None:
        if (other := self.other) is not None:
            self.other = None
            await other.tend()
            self.other = other

    async def create(self, path: str, body: Any) -> dict[str, Any]:
        await self._other_first()
        return await super().create(path, body)

    async def replace(self, path: str, body: Any) -> dict[str, Any]:
        await self._other_first()
        return await super().replace(path, body)


async def test_of_two_operators_one_writes_and_the_other_takes_it_as_it_is(clock: Clock) -> None:
    api = Racing()
    api.put(WEBHOOK, webhook_configuration())
    api.other = CertificateStore(api, PLACE, clock)

    await CertificateStore(api, PLACE, clock).tend()

    assert api.writes == [("create", CA), ("patch", WEBHOOK), ("create", TLS)]
    verify(api.data(TLS, "tls.crt"), api.ca_bundle, clock.now)


class Contested(ApiServer):
    """Somebody else is always first."""

    async def create(self, path: str, _body: Any) -> dict[str, Any]:
        raise Conflict(409, "AlreadyExists", f"{path} already exists")


async def test_a_writer_that_never_tires_does_not_keep_us_busy(clock: Clock) -> None:
    rest = await CertificateStore(Contested(), PLACE, clock).tend()

    assert (rest.until - clock.now).total_seconds() == 60


async def test_a_refusal_of_the_api_server_is_raised(store: CertificateStore, api: ApiServer) -> None:
    api.refuses = Forbidden(403, "Forbidden", "secrets is forbidden")

    with pytest.raises(Forbidden):
        await store.tend()


@pytest.mark.parametrize(
    "error", [Forbidden(403, "Forbidden", "no Secrets for you"), RuntimeError("a defect")]
)
async def test_that_they_cannot_be_looked_after_is_counted_and_seen(
    api: ApiServer, clock: Clock, error: Exception
) -> None:
    failed = asyncio.Event()
    metrics = OperatorMetrics()
    store = CertificateStore(api, PLACE, clock, failed=failed.set)
    metrics.certificates(lambda: bool(store.problem))
    api.refuses = error

    keeping = asyncio.create_task(store.keep())
    await asyncio.wait_for(failed.wait(), 5)

    assert str(error) in store.problem
    assert not keeping.done()
    assert metrics.registry.get_sample_value("llm_monitor_operator_certificates_failing") == 1
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_an_authority_signs_no_authorities(clock: Clock) -> None:
    authority = make_authority("ours", clock.now)
    leaf = issue(authority, [HOST], clock.now).certificate

    constraints = [
        certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        for certificate in (authority.certificate, leaf)
    ]

    assert [(one.ca, one.path_length) for one in constraints] == [(True, 0), (False, None)]
