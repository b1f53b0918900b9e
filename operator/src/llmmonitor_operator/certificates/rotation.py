"""What comes next for the webhook's certificates: one step at a time, from what is stored and the time.

A new authority never interrupts calls, because each step is stored before the next one is decided:

1. a new authority is made, well before the old one ends;
2. the bundle that the API server trusts holds both: first remembered beside the serving certificate, then
   published as `caBundle`;
3. `SETTLE` later, when every API server has read the bundle, the new authority signs a serving certificate;
   the old one's key is gone since 1;
4. the old authority leaves the bundle when whatever it signed has expired.

A serving certificate that is of no use at all (none, garbage, expired, other names) is made anew at once. So
it is after any loss: a deleted Secret, an emptied `caBundle`, a clock that jumped. What the bundle held is
found in either of two places, so that losing one of them loses no trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from llmmonitor_operator.certificates.authority import SERVING_LIFETIME, Authority, Pair, made_at
from llmmonitor_operator.certificates.pem import is_authority

SETTLE = timedelta(minutes=5)
"""From the publication of a new authority to its first signature."""
BUNDLE_LIMIT = 8
"""Authorities in a bundle; two are usual."""

_RENEW_AFTER = 2 / 3
_AFTER_LAST_SIGNATURE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What was read, garbage left out."""

    authority: Authority | None
    authority_problem: str = ""
    """Why there is none."""
    serving: Pair | None
    serving_problem: str = ""
    remembered: tuple[x509.Certificate, ...] | None
    """The bundle beside the serving certificate; None where its Secret does not exist."""
    published: tuple[x509.Certificate, ...] | None
    """What the API server trusts; None where there is no webhook configuration."""
    published_since: datetime
    """When this process first saw `published` as it is."""


@dataclass(frozen=True, slots=True)
class MakeAuthority:
    """Make a new authority and store it in place of the old one."""

    because: str


@dataclass(frozen=True, slots=True)
class Remember:
    """Store this bundle beside the serving certificate."""

    trusted: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Publish:
    """Have the API server trust this bundle."""

    trusted: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Issue:
    """Have the stored authority sign a new serving certificate; store it with the bundle."""

    because: str
    trusted: tuple[x509.Certificate, ...]


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do until `until`, if nobody changes what is stored."""

    until: datetime


Step = MakeAuthority | Remember | Publish | Issue | Rest


def next_step(stored: Stored, names: Sequence[str], now: datetime) -> Step:
    """The one thing to do now.

    Args:
        stored: what is there.
        names: DNS names that the serving certificate must have.
        now: with a time zone.
    """
    authority = stored.authority
    if authority is None:
        return MakeAuthority(stored.authority_problem or "there is none")
    if because := _ending(authority.certificate, now):
        return MakeAuthority(because)
    trusted = _trusted(authority, stored, now)
    if stored.remembered is not None and stored.remembered != trusted:
        return Remember(trusted)
    if stored.published is not None and stored.published != trusted:
        return Publish(trusted)
    return _serving_step(authority, trusted, stored, names, now)


def _serving_step(
    authority: Authority,
    trusted: tuple[x509.Certificate, ...],
    stored: Stored,
    names: Sequence[str],
    now: datetime,
) -> Issue | Rest:
    """The next step once the bundle is everywhere."""
    serving = stored.serving
    if serving is None:
        return Issue(stored.serving_problem or "there is none", trusted)
    if because := _useless(serving.certificate, names, trusted, now):
        return Issue(because, trusted)
    settled = now if stored.published is None else stored.published_since + SETTLE
    if because := _renewable(serving.certificate, authority, now):
        return Issue(because, trusted) if now >= settled else Rest(settled)
    moments = [_renewal(authority.certificate), _renewal(serving.certificate)]
    if len(trusted) > 1:
        moments.append(_last_use_of_older(authority))
    return Rest(min(moments))


def _trusted(authority: Authority, stored: Stored, now: datetime) -> tuple[x509.Certificate, ...]:
    """The stored authority, then older ones by whose signature a certificate may still be in use."""
    older = {
        one: None
        for one in (*(stored.remembered or ()), *(stored.published or ()))
        if one != authority.certificate and is_authority(one) and one.not_valid_after_utc > now
    }
    if now >= _last_use_of_older(authority):
        older = {}
    newest_first = sorted(older, key=lambda one: (one.not_valid_before_utc, one.serial_number), reverse=True)
    return (authority.certificate, *newest_first[: BUNDLE_LIMIT - 1])


def _last_use_of_older(authority: Authority) -> datetime:
    """Older authorities signed nothing after this one was made, and that lasts as long as it lasts."""
    return made_at(authority.certificate) + SERVING_LIFETIME + _AFTER_LAST_SIGNATURE


def _renewal(certificate: x509.Certificate) -> datetime:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return start + (end - start) * _RENEW_AFTER


def _ending(certificate: x509.Certificate, now: datetime) -> str:
    if now < certificate.not_valid_before_utc:
        return f"valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M}: the clock was changed"
    if now >= _renewal(certificate):
        return f"two thirds of its life are over; it ends {certificate.not_valid_after_utc:%Y-%m-%d}"
    return ""


def _useless(
    certificate: x509.Certificate,
    names: Sequence[str],
    trusted: Sequence[x509.Certificate],
    now: datetime,
) -> str:
    """Why no call can succeed with it; empty if one can."""
    if now < certificate.not_valid_before_utc:
        return f"valid only from {certificate.not_valid_before_utc:%Y-%m-%d %H:%M}: the clock was changed"
    if now >= certificate.not_valid_after_utc:
        return f"expired {certificate.not_valid_after_utc:%Y-%m-%d %H:%M}"
    if missing := sorted(set(names) - _names(certificate)):
        return f"not made for {', '.join(missing)}"
    if not any(_signed_by(one, certificate) for one in trusted):
        return "signed by none of the trusted authorities"
    return ""


def _renewable(certificate: x509.Certificate, authority: Authority, now: datetime) -> str:
    if not _signed_by(authority.certificate, certificate):
        return "signed by an older authority"
    return _ending(certificate, now)


def _names(certificate: x509.Certificate) -> set[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return set()
    return set(found.value.get_values_for_type(x509.DNSName))


def _signed_by(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
