"""Which configuration holds, and until when: the environment's at first, then what was pushed.

An operator that is gone for good (cluster rebuilt, chart uninstalled by force) must not leave sidecars that
intercept for ever: every configuration expires, the first one a day after the start of the sidecar. Stopped
or expired, a sidecar removes its rule and idles until a newer document comes. Where nobody holds a key that
could renew it (`llm-monitor demo` and `watch`), nothing expires.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import replace

import msgspec

from llmmonitor_api.configuration import PUBLIC_KEYS_LIMIT, Configuration
from llmmonitor_api.signing import SignedConfiguration, public_key_from_bytes, public_keys_by_id
from llmmonitor_api.signing.keys import PublicKeys
from llmmonitor_sidecar.kept_configuration import Kept, KeptConfiguration
from llmmonitor_sidecar.settings import Settings

FIRST_CONFIGURATION_SECONDS = 24 * 3600.0
STOPPED_BY_DOCUMENT = "stopped by its operator: the monitor is gone"

_HIGHEST_GENERATION = 2**63 - 1
"""That a report can say."""
_HIGHEST_SECONDS = 24 * 3600.0
_DURATIONS = ("resource_interval_seconds", "max_added_latency_seconds", "drain_idle_seconds")

_log = logging.getLogger(__name__)


class InForce:
    """The configuration in force; times are Unix seconds."""

    def __init__(self, settings: Settings, keeper: KeptConfiguration) -> None:
        self._keeper = keeper
        self._began_with = settings.public_keys
        self.expires_at: float | None = None
        self.pushed: SignedConfiguration | None = None
        """What was pushed last, to this analyser or to one before it."""
        kept = keeper.kept()
        if kept is not None:
            configuration = msgspec.json.decode(kept.content, type=Configuration)
            self.pushed = SignedConfiguration(configuration, kept.signed_at, kept.expires_at)
            self.configuration, self.expires_at = configuration, kept.expires_at
            return
        self.configuration = _first(settings)
        if settings.public_keys:
            self.expires_at = keeper.started_at + FIRST_CONFIGURATION_SECONDS

    @property
    def public_keys(self) -> PublicKeys:
        """Whom to believe: those that were pushed last, else those of the environment."""
        return _by_id(self.configuration.public_keys or self._began_with)

    def take(self, signed: SignedConfiguration) -> None:
        """Put a verified configuration in force, for successors too.

        Raises:
            ValueError: its public keys are none, or too many, or a number is out of bounds; nothing has
                changed.
        """
        _check(signed.configuration)
        given = signed.configuration.public_keys
        if len(given) > PUBLIC_KEYS_LIMIT:
            raise ValueError(f"{len(given)} public keys; the limit is {PUBLIC_KEYS_LIMIT}")
        _by_id(given)
        if not given:  # a stop, or an operator that knows nothing of this: whom to believe stays as it is
            kept = msgspec.structs.replace(signed.configuration, public_keys=self.configuration.public_keys)
            signed = replace(signed, configuration=kept)
        content = msgspec.json.encode(signed.configuration)
        self._keeper.keep(Kept(content, signed.signed_at, signed.expires_at))
        self.pushed = signed
        self.configuration, self.expires_at = signed.configuration, signed.expires_at

    def why_stopped(self, now: float) -> str:
        """Why this sidecar idles, in words; empty while it works."""
        if self.configuration.stop:
            return STOPPED_BY_DOCUMENT
        if self.expires_at is not None and now > self.expires_at:
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.expires_at))
            return f"its configuration expired at {at} and was not renewed: no operator speaks to it"
        return ""


def _check(configuration: Configuration) -> None:
    """What is kept is put in force by every analyser to come: none must fail at it.

    Raises:
        ValueError: a number is out of bounds.
    """
    limits = {"generation": _HIGHEST_GENERATION, **dict.fromkeys(_DURATIONS, _HIGHEST_SECONDS)}
    for name, highest in limits.items():
        value = getattr(configuration, name)
        if not 0 <= value <= highest:
            raise ValueError(f"{name} is {value:g}; it must be from 0 to {highest:g}")


def _by_id(keys: Iterable[bytes]) -> PublicKeys:
    return public_keys_by_id(public_key_from_bytes(key) for key in keys)


def _first(settings: Settings) -> Configuration:
    plain = Configuration(
        resource_interval_seconds=settings.resource_interval_seconds,
        max_added_latency_seconds=settings.max_added_latency_seconds,
    )
    if not settings.configuration:
        return plain
    try:
        first = msgspec.json.decode(settings.configuration, type=Configuration)
        _check(first)
    except (msgspec.MsgspecError, ValueError) as error:
        _log.error("LLM_MONITOR_CONFIGURATION is not a configuration: %s; going on with the defaults", error)
        return plain
    return first
