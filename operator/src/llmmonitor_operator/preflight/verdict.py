"""What is known of each namespace, as the operator writes it into one ConfigMap and the webhook reads it.

The webhook acts on nothing else, so that both always agree on the image, the keys and what a namespace
admits. Fields that this version does not know are set aside, and a document that cannot be read counts as
none: the pod then starts without a sidecar and is attached later. How the verdict is reached is the business
of `dry_run` and `attach/proof.py`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from llmmonitor_api.shortened import shortened
from llmmonitor_operator.inject.plan import SidecarImage
from llmmonitor_operator.kube.raw import Raw

COMMON_KEY = "_common"
"""No namespace can be called so: an underscore is no part of a DNS label."""
WORDS_LIMIT = 600
"""Characters kept of another's message: a thousand namespaces must fit one ConfigMap."""
BYTES_LIMIT = 1_000_000
"""Of the whole ConfigMap, of which the API server takes 1 MiB."""


class Common(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is the same in every namespace: the sidecar to put in, and whom it shall believe."""

    image: str
    """With a digest where there is one; what `NamespaceVerdict.proved_image` is compared with."""
    pull_policy: str = "IfNotPresent"
    cpu_request: str = "50m"
    memory_request: str = "128Mi"
    memory_limit: str = "256Mi"
    guaranteed_cpu: str = "500m"
    nvidia_devices: str = "None"
    dcgm_exporter: str = ""
    public_keys: tuple[str, ...] = ()
    """Ed25519, base64, as the sidecar's environment takes them."""
    server_version: str = ""
    """Of the API server, `1.34`; empty when it is not known."""

    @property
    def sidecar(self) -> SidecarImage:
        """What a plan takes of it."""
        return SidecarImage(
            image=self.image,
            pull_policy=self.pull_policy,
            cpu_request=self.cpu_request,
            memory_request=self.memory_request,
            memory_limit=self.memory_limit,
            guaranteed_cpu=self.guaranteed_cpu,
            nvidia_devices=self.nvidia_devices,
            dcgm_exporter=self.dcgm_exporter,
        )

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The public keys as bytes; those that are no base64 are left out."""
        found = []
        for text in self.public_keys:
            try:
                found.append(base64.b64decode(text, validate=True))
            except (binascii.Error, ValueError):  # ValueError: letters that are no ASCII
                continue
        return tuple(found)


class NumberedPort(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Service that names a target port by its number, which mode Port cannot take over."""

    service: str
    selector: dict[str, str]
    port: int


class Cleared(msgspec.Struct, frozen=True):
    """A controller whose pods were refused without the sidecar too."""

    controller: str
    """Its UID."""
    at: float
    """Unix seconds at which that was seen."""


class NamespaceVerdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one namespace admits, and under which rules that was found; written only when it changes."""

    fingerprint: str = ""
    """Of the rules it was found under; other rules make it void."""
    transparent: bool | None = None
    """Whether a sidecar with NET_ADMIN is admitted; None while that is not known."""
    plain: bool | None = None
    """Whether the unprivileged sidecar of modes Port and Off is admitted; None while that is not known."""
    untestable: bool = False
    """A dry-run is not served here (by another webhook): only a real attach can find out."""
    refusal: str = ""
    """The API server's very words about what is not admitted."""
    refused_by: str = ""
    """A reason of the condition Injected: PodSecurityForbids or InjectionSuspended; empty without refusal."""
    proved_image: str = ""
    """The image that was seen Running here for 30 s; empty while none was."""
    suspended: str = ""
    """A reason of the condition Injected, when nothing may be injected; empty when it may."""
    message: str = ""
    """Why it is suspended, or why nothing is known, in words."""
    suspended_at: float = 0.0
    """Unix seconds at which the suspension began; once it is lifted, at which it ended: refusals from before
    count no more."""
    suspended_image: str = ""
    """With which image that came to be."""
    suspensions: int = 0
    """How many there were: each lasts longer than the one before."""
    in_doubt: str = ""
    """UID of the controller whose refused pods it is suspended for, where the sidecar may not be why."""
    cleared: tuple[Cleared, ...] = ()
    """Controllers whose refused pods are no reason to suspend, for a while."""
    numbered_ports: tuple[NumberedPort, ...] = ()
    """Filled in only where a monitor asks for mode Port."""

    def proves(self, image: str) -> bool:
        """Whether that very image was seen running in this namespace."""
        return bool(image) and self.proved_image == image


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The whole ConfigMap."""

    common: Common | None = None
    namespaces: Mapping[str, NamespaceVerdict] = field(default_factory=dict)


_Struct = TypeVar("_Struct", Common, NamespaceVerdict)


def decode_common(text: str) -> Common | None:
    """What `encode` wrote; None for anything else, and for a document without an image."""
    common = _decode(text, Common)
    return common if common and common.image else None


def decode_verdict(text: str) -> NamespaceVerdict | None:
    """What `encode` wrote; None for anything else."""
    return _decode(text, NamespaceVerdict)


def encode(document: Common | NamespaceVerdict) -> str:
    """The same text for the same document; others' words are cut at `WORDS_LIMIT` characters."""
    if isinstance(document, NamespaceVerdict):
        document = msgspec.structs.replace(
            document,
            refusal=shortened(document.refusal, WORDS_LIMIT),
            message=shortened(document.message, WORDS_LIMIT),
        )
    return msgspec.json.encode(document, order="sorted").decode()


def read(config_map: Raw) -> Verdicts:
    """Everything readable in the ConfigMap."""
    data = config_map.get("data")
    if not isinstance(data, Mapping):
        return Verdicts()
    texts = {key: text for key, text in data.items() if isinstance(key, str) and isinstance(text, str)}
    found = {name: decode_verdict(text) for name, text in texts.items() if name != COMMON_KEY}
    return Verdicts(
        decode_common(texts.get(COMMON_KEY, "")),
        {name: verdict for name, verdict in found.items() if verdict is not None},
    )


def write(verdicts: Verdicts) -> dict[str, str]:
    """The ConfigMap's `data`: as many namespaces as fit, those that need least first.

    Nothing is injected in one that is not in it; with more than fits, nobody's verdict would be written.
    """
    encoded = {name: encode(verdict) for name, verdict in verdicts.namespaces.items()}
    data = {} if verdicts.common is None else {COMMON_KEY: encode(verdicts.common)}
    left = BYTES_LIMIT - sum(map(_bytes, data.items()))
    for entry in sorted(encoded.items(), key=lambda entry: (_bytes(entry), entry)):
        left -= _bytes(entry)
        if left < 0:
            break
        data[entry[0]] = entry[1]
    return data


def _bytes(entry: tuple[str, str]) -> int:
    name, text = entry
    return len(name.encode()) + len(text.encode())


def _decode(text: str, kind: type[_Struct]) -> _Struct | None:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
