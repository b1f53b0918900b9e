"""Three years of a release in fake time: at no moment does the API server refuse the webhook's certificate.

The judge is the X.509 verifier of the `cryptography` package. API servers read a new `caBundle` late, and
webhooks a new certificate (the kubelet brings it): every combination of lateness up to four minutes is tried.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store
from tests.operator.certificates.conftest import CA, HOST, TLS, WEBHOOK, ApiServer, Clock

from llmmonitor_operator.certificates.pem import read_certificates
from llmmonitor_operator.certificates.store import CertificateStore

LATENESS = [timedelta(0), timedelta(minutes=1), timedelta(minutes=4)]


@dataclass
class History:
    """What was stored when; judges calls."""

    api: ApiServer
    clock: Clock
    certificates: list[tuple[datetime, bytes]] = field(default_factory=list)
    bundles: list[tuple[datetime, bytes]] = field(default_factory=list)
    calls: int = 0

    def note(self) -> None:
        for kept, now in (
            (self.certificates, self.api.data(TLS, "tls.crt")),
            (self.bundles, self.api.ca_bundle),
        ):
            if not kept or kept[-1][1] != now:
                kept.append((self.clock.now, now))

    def call(self) -> None:
        """The webhook is called by API servers and answered by replicas of every lateness.

        Raises:
            x509.verification.VerificationError: one of them was refused.
        """
        for webhook in LATENESS:
            for api_server in LATENESS:
                certificate = self._as_of(self.certificates, self.clock.now - webhook)
                bundle = self._as_of(self.bundles, self.clock.now - api_server)
                verify(certificate, bundle, self.clock.now)
                self.calls += 1

    @staticmethod
    def _as_of(kept: list[tuple[datetime, bytes]], moment: datetime) -> bytes:
        return next((value for since, value in reversed(kept) if since <= moment), kept[0][1])


def verify(certificate: bytes, bundle: bytes, at: datetime) -> None:
    trusted = Store(list(read_certificates(bundle)))
    verifier = PolicyBuilder().store(trusted).time(at).build_server_verifier(x509.DNSName(HOST))
    verifier.verify(read_certificates(certificate)[0], [])


async def live(history: History, store: CertificateStore, until: datetime) -> None:
    """Passes every minute while anything changes, and one when there will be something to do."""
    while history.clock.now < until:
        before = len(history.api.writes)
        rest = await store.tend()
        history.note()
        history.call()
        if len(history.api.writes) == before and rest.until - history.clock.now > timedelta(minutes=10):
            history.clock.now = min(rest.until, until, history.clock.now + timedelta(days=20))
        else:
            history.clock.pass_(minutes=1)


async def test_three_years_pass_with_two_renewals_of_the_authority(
    api: ApiServer, store: CertificateStore, clock: Clock
) -> None:
    await store.tend()
    first = api.data(CA, "ca.crt")
    history = History(api, clock)
    history.note()

    await live(history, store, clock.now + timedelta(days=3 * 365))

    assert api.data(CA, "ca.crt") != first
    assert len(history.certificates) >= 3 * 365 / 60
    assert len(history.bundles) == 9  # one at first; both, then the new one alone, at each of four renewals
    assert history.calls > 500


async def test_the_old_authority_is_trusted_until_all_it_signed_has_expired(
    api: ApiServer, store: CertificateStore, clock: Clock
) -> None:
    await store.tend()
    old_authority, old_certificate = api.data(CA, "ca.crt"), api.data(TLS, "tls.crt")
    history = History(api, clock)
    history.note()
    del api.objects[CA]  # the quick way to renew it by hand

    await live(history, store, clock.now + timedelta(minutes=15))
    verify(api.data(TLS, "tls.crt"), api.data(CA, "ca.crt"), clock.now)  # by the new authority already
    clock.pass_(days=89)
    await store.tend()
    verify(old_certificate, api.ca_bundle, clock.now)
    clock.pass_(days=3)
    await store.tend()

    assert old_authority not in api.ca_bundle
    assert api.ca_bundle == api.data(CA, "ca.crt") == api.data(TLS, "ca.crt")


async def test_the_new_authority_is_trusted_for_five_minutes_before_it_signs(
    api: ApiServer, store: CertificateStore, clock: Clock
) -> None:
    await store.tend()
    certificate = api.data(TLS, "tls.crt")
    del api.objects[CA]

    await store.tend()
    clock.pass_(minutes=4, seconds=59)
    await store.tend()
    assert api.data(TLS, "tls.crt") == certificate
    assert api.data(CA, "ca.crt") in api.ca_bundle
    clock.pass_(seconds=1)
    await store.tend()

    assert api.data(TLS, "tls.crt") != certificate


async def test_an_operator_that_starts_anew_counts_the_five_minutes_anew(
    api: ApiServer, store: CertificateStore, clock: Clock
) -> None:
    await store.tend()
    certificate = api.data(TLS, "tls.crt")
    del api.objects[CA]
    await store.tend()
    clock.pass_(minutes=10)

    successor = CertificateStore(api, store._place, clock)
    rest = await successor.tend()

    assert api.data(TLS, "tls.crt") == certificate
    assert rest.until == clock.now + timedelta(minutes=5)


async def test_an_emptied_ca_bundle_is_filled_with_both_authorities(
    api: ApiServer, store: CertificateStore
) -> None:
    await store.tend()
    del api.objects[CA]
    await store.tend()
    bundle = api.ca_bundle
    configuration = api.objects[WEBHOOK]
    del configuration["webhooks"][1]["clientConfig"]["caBundle"]  # a chart's `--force`
    api.put(WEBHOOK, configuration)

    await store.tend()

    assert api.ca_bundle == bundle
    assert len(read_certificates(bundle)) == 2


async def test_a_lost_clock_is_survived_and_comes_back(
    api: ApiServer, store: CertificateStore, clock: Clock
) -> None:
    await store.tend()
    here = clock.now

    for moment in (here + timedelta(days=4000), here - timedelta(days=4000), here):
        clock.now = moment
        await store.tend()
        verify(api.data(TLS, "tls.crt"), api.ca_bundle, clock.now)
