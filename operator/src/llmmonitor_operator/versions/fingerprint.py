"""What a pod's answers depend on, as far as its spec and its reports tell: the model's fingerprint.

The image by its digest, the arguments, and what the engine and its answers say of themselves. Arguments are
shown only where they are known to hold nothing secret; of all others together there is a keyed hash
(HMAC-SHA-256, RFC 2104), since they may hold keys. What cannot change an answer (ports, logging, the API keys
themselves) counts for nothing. A part that is not known, or not yet, is left out, and differs from nothing.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256

from llmmonitor_api.report.report import Engine
from llmmonitor_api.spec.versions import VersionSource
from llmmonitor_operator.kube.kept import remembered
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.pods.commands import commands_of
from llmmonitor_operator.pods.containers import every_container
from llmmonitor_operator.pods.pod import container_status

Parts = Mapping[str, str]
"""By name, in the words of messages."""
IMAGE, LABEL, OTHER_ARGUMENTS = "image", "label", "other arguments"
_SHOWN = frozenset(
    {
        *("--model", "--model-id", "--model-path", "--served-model-name", "--hf-repo", "--hf-file", "-m"),
        *("--revision", "--tokenizer", "--tokenizer-revision", "--trust-remote-code", "--chat-template"),
        *("--quantization", "--quantize", "--dtype", "--kv-cache-dtype", "--rope-scaling", "--enable-lora"),
        *("--max-model-len", "--context-length", "--ctx-size", "--max-input-tokens", "--max-total-tokens"),
        *("--max-num-seqs", "--max-num-batched-tokens", "--max-batch-size", "--enable-prefix-caching"),
        *("--tensor-parallel-size", "--tp", "--pipeline-parallel-size", "--num-shard", "--n-gpu-layers"),
        *("--gpu-memory-utilization", "--mem-fraction-static", "--attention-backend", "--enforce-eager"),
        *("--tool-call-parser", "--reasoning-parser", "--seed", "--temp", "-ngl"),
    }
)
"""Arguments of engines that hold no secrets."""
_WITHOUT_BEARING = re.compile(
    r"--(api-?keys?|api-key-file|hf-token|token|admin-api-key|host|hostname|port|metrics(-port)?|root-path"
    r"|prometheus-port|(uvicorn-)?log-.*|(no-|disable-|enable-)log-.*|ssl-.*|json-output|verbose|timeout)"
)
_HARMLESS = re.compile(r"[\w./:+,-]{0,128}")
"""A value of a shown argument: no address with a key in it, and not so long that one could hide."""
_LENGTH = 256
_HASH_LENGTH = 12


def parts_of_pod(pod: Raw, container: str, key: bytes) -> Parts:
    """What the pod's spec and status tell of the container that serves the model.

    Args:
        pod: as the API server gives it.
        container: its name.
        key: secret, of this release; without one other arguments are not looked at.
    """
    return remembered(pod, ("fingerprint", container), lambda: dict(_of_pod(pod, container, key)))


def parts(
    of_pod: Parts, engine: Engine | None, system: str, by: VersionSource, further: Parts | None = None
) -> Parts:
    """All that tells this pod's version from others; empty while nothing does.

    Args:
        of_pod: from `parts_of_pod`; with by Label also `LABEL`.
        engine: as it reported last; what it does not say is left out.
        system: `report.system_fingerprint`.
        by: what the owner tells versions apart by.
        further: what else is known of it; empty texts are not.
    """
    if by is not VersionSource.FINGERPRINT:
        name = LABEL if by is VersionSource.LABEL else IMAGE
        return {name: of_pod[name]} if name in of_pod else {}
    found = {name: text for name, text in of_pod.items() if name != LABEL}
    if engine is not None:
        found |= {
            "engine": f"{engine.name} {engine.version}" if engine.version else "",
            "model": engine.model or "",
            "weights": engine.weights,
        }
    found["system fingerprint"] = system
    found |= further or {}
    return {name: text[:_LENGTH] for name, text in found.items() if text}


def differ(one: Parts, other: Parts) -> tuple[str, ...]:
    """Names of the parts that both know and that differ, sorted."""
    return tuple(sorted(name for name in one.keys() & other.keys() if one[name] != other[name]))


def name_of(known: Parts, by: VersionSource) -> str:
    """What a version is called: its label, its image's digest, or a digest of all that is known of it."""
    if by is VersionSource.LABEL:
        return known[LABEL]
    if by is VersionSource.IMAGE:
        return known[IMAGE].rpartition("@")[2].removeprefix("sha256:")[:_HASH_LENGTH]
    text = "\0".join(f"{name}\0{known[name]}" for name in sorted(known))
    return sha256(text.encode()).hexdigest()[:_HASH_LENGTH]


def _of_pod(pod: Raw, name: str, key: bytes) -> Iterator[tuple[str, str]]:
    container = next((one for one in every_container(pod) if one.get("name") == name), None)
    if container is None:
        return
    digest = str((container_status(pod, name) or {}).get("imageID") or "").rpartition("://")[2]
    if "@" in digest or digest.startswith("sha256:"):
        yield IMAGE, digest.rpartition("@")[2]
    others = []
    for option, value in _arguments(pod, container):
        if not (option or value) or _WITHOUT_BEARING.fullmatch(option):
            continue
        if option in _SHOWN and _HARMLESS.fullmatch(value):
            yield option, value or "given"
        else:
            others.append(f"{option}\0{value}")
    if key:
        message = "\1".join(others).encode()
        yield OTHER_ARGUMENTS, f"hash {hmac.digest(key, message, 'sha256').hex()[:_HASH_LENGTH]}"


def _arguments(pod: Raw, container: Raw) -> Iterator[tuple[str, str]]:
    """Options with their values, in order; a word that is no option's value is one of its own."""
    for words in commands_of(container, pod).simple:
        option, values = "", list[str]()
        for word in words:
            if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
                yield option, " ".join(values)
                option, equals, value = word.partition("=")
                values = [value] if equals else []
            else:
                values.append(word)
        yield option, " ".join(values)
