"""The certificate that the webhook serves, followed as its files change, without a connection dropped.

The kubelet replaces the files of a mounted Secret by turning one symbolic link; they are read through the
folder that it points to, so that certificate and key are of one version. Each version gets a TLS context of
its own, and every handshake begins with the newest good one: open connections keep theirs. Files that are
gone, garbage, or expired are said, and the certificate before stays.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from llmmonitor_operator.certificates import pem

CERTIFICATE = "tls.crt"
KEY = "tls.key"
LOOK_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Unusable(ValueError):
    """No server can serve these files; the text says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """One version of the files."""

    context: ssl.SSLContext
    valid_from: datetime
    valid_until: datetime

    def why_invalid(self, now: datetime) -> str:
        """Why no client would take it now; empty when one would."""
        if now >= self.valid_until:
            return f"the certificate expired {self.valid_until:%Y-%m-%d %H:%M} UTC"
        if now < self.valid_from:
            return f"the certificate is valid only from {self.valid_from:%Y-%m-%d %H:%M} UTC"
        return ""


class ServedCertificate:
    """What is served now; `context` is for the server, `follow` is to be kept running."""

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        """Args: refused: called when new files are of no use and older ones stay in use."""
        self._folder = folder
        self._now = now
        self._refused = refused
        self._served = b""
        self._loaded: Loaded | None = None
        self.problem = ""
        """Why the newest files are not served, in words; empty when they are."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sni_callback = self._choose
        self.look()

    @property
    def valid_until(self) -> datetime | None:
        """Of what is served; None while nothing is."""
        return self._loaded.valid_until if self._loaded else None

    @property
    def why_not(self) -> str:
        """Why no call can succeed, in words; empty when one can."""
        if self._loaded is None:
            return self.problem or "there is no certificate"
        return self._loaded.why_invalid(self._now())

    async def follow(self) -> None:
        """Look at the files every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Serve what the files hold now, if it is new and good."""
        try:
            version = _version(self._folder)
            if version == self._served:
                return
            loaded = load(self._folder)
        except Unusable as error:
            self._refuse(str(error))
            return
        if why := loaded.why_invalid(self._now()):
            self._refuse(f"{self._folder / CERTIFICATE}: {why}")
            return
        self._loaded, self._served, self.problem = loaded, version, ""
        _log.info("serving a certificate until %s", f"{loaded.valid_until:%Y-%m-%d %H:%M} UTC")

    def _refuse(self, problem: str) -> None:
        """The next look tries again: the files may be half written, or not yet valid."""
        if problem == self.problem:
            return
        self.problem = problem
        if self._loaded:
            self._refused()
        _log.warning("%s; %s", problem, "the one before stays" if self._loaded else "waiting for a good one")

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _own: ssl.SSLContext) -> int | None:
        """Called in each handshake, with and without a server name."""
        if self._loaded is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._loaded.context
        return None


def load(folder: Path) -> Loaded:
    """What the files hold, valid or not at this time.

    Raises:
        Unusable: they are not there, or no certificate with its key.
    """
    certificate, key = _files(folder)
    try:
        pair = pem.read_pair(certificate.read_bytes(), key.read_bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    except (pem.Unreadable, ssl.SSLError) as error:
        raise Unusable(f"{folder / CERTIFICATE} and {KEY}: {error}") from error
    except OSError as error:
        raise Unusable(f"{folder}: {error.strerror}: {error.filename}") from error
    return Loaded(context, pair.certificate.not_valid_before_utc, pair.certificate.not_valid_after_utc)


def _version(folder: Path) -> bytes:
    """Of the files' content."""
    hashed = hashlib.sha256()
    for path in _files(folder):
        try:
            hashed.update(path.read_bytes() + b"\0")
        except OSError as error:
            raise Unusable(f"{folder}: {error.strerror}: {path.name}; the operator makes it") from error
    return hashed.digest()


def _files(folder: Path) -> tuple[Path, Path]:
    """Certificate and key of one version: both in the folder that the first one's link leads to."""
    real = (folder / CERTIFICATE).resolve().parent
    return real / CERTIFICATE, real / KEY
