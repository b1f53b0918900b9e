"""Containers of a pod spec and their ports, probes, variables: raw JSON in which anything may be absent.

And in which anything may be huge: a pod is anybody's, up to 3 MiB, and read by one operator for all. So what
a look at it costs is bounded here: how far texts are read, and how far their references are filled in (twenty
variables that each name the one before twice would be a million values).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from llmmonitor_api.quantities import parse_quantity
from llmmonitor_operator.kube.raw import Raw

TEXT_LIMIT = 32_768
"""Characters of one word or value that are looked at; a container's scripts are a tenth of it."""
_VARIABLES_LIMIT = 16 * TEXT_LIMIT
"""Characters of all values of a container; beyond it, references stay as they are written."""
_DIGITS_LIMIT = 10
_REFERENCE = re.compile(r"\$\$|\$\(([^)]{0,256})\)")
_GPUS = ("nvidia.com/gpu", "nvidia.com/mig-", "amd.com/gpu", "gpu.intel.com/", "habana.ai/gaudi")
_METADATA = re.compile(r"metadata\.(name|namespace|uid|labels|annotations)(?:\['(.+)'\])?")
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@dataclass(frozen=True, slots=True)
class DeclaredPort:
    """An entry of `ports` that TCP can reach."""

    number: int
    name: str
    """Empty when it has none."""


def main_containers(pod: Raw) -> list[Raw]:
    """`spec.containers`."""
    return list(pod.get("spec", {}).get("containers") or ())


def init_containers(pod: Raw) -> list[Raw]:
    """`spec.initContainers`, native sidecars among them."""
    return list(pod.get("spec", {}).get("initContainers") or ())


def is_native_sidecar(init_container: Raw) -> bool:
    """Whether an init container goes on running beside the main ones (KEP-753)."""
    return init_container.get("restartPolicy") == "Always"


def long_running(pod: Raw) -> list[Raw]:
    """Main containers, then native sidecars."""
    return main_containers(pod) + [one for one in init_containers(pod) if is_native_sidecar(one)]


def every_container(pod: Raw) -> list[Raw]:
    """Main and init containers: those that may have ports and resources."""
    return main_containers(pod) + init_containers(pod)


def tcp_ports(container: Raw) -> list[DeclaredPort]:
    """Declared TCP ports, in order."""
    return [
        DeclaredPort(int(one["containerPort"]), one.get("name") or "")
        for one in container.get("ports") or ()
        if one.get("protocol", "TCP") == "TCP" and one.get("containerPort")
    ]


def digits(text: str) -> int | None:
    """The number that the text is, if it is one that a port or rank could be (Python refuses long ones)."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_LIMIT else None


def number_of(container: Raw, port: object) -> int | None:
    """A port that is given by number, or by the name of one that the container declares."""
    if isinstance(port, int) and not isinstance(port, bool):
        return port
    if isinstance(port, str) and (number := digits(port)) is not None:
        return number
    return next((one.number for one in tcp_ports(container) if port and one.name == port), None)


def probed_ports(container: Raw) -> Iterator[int]:
    """Where the kubelet asks by HTTP or TCP whether the container is well."""
    for probe in PROBES:
        for way in ("httpGet", "tcpSocket"):
            number = number_of(container, ((container.get(probe) or {}).get(way) or {}).get("port"))
            if number is not None:
                yield number


def gpus_of(container: Raw) -> int:
    """GPUs, or parts of one, that it asks for."""
    limits = (container.get("resources") or {}).get("limits") or {}
    return sum(int(parse_quantity(str(limits[name]))) for name in limits if name.startswith(_GPUS))


def environment(container: Raw, pod: Raw | None = None) -> dict[str, str]:
    """Variables whose value can be known: those in words, and with the pod at hand those of its metadata."""
    found: dict[str, str] = {}
    left = _VARIABLES_LIMIT
    for one in container.get("env") or ():
        if "valueFrom" not in one:
            value = one.get("value") or ""
            found[one["name"]] = expanded(value, found) if left > 0 else value
            left -= len(found[one["name"]])
            continue
        value = _field(pod or {}, (one["valueFrom"].get("fieldRef") or {}).get("fieldPath", ""))
        if value is not None:
            found[one["name"]] = value
    return found


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """As the kubelet expands commands, arguments and variables: $(NAME) is the value, $$ is a $.

    What is not known stays as it is written.
    """

    def value(reference: re.Match[str]) -> str:
        name = reference.group(1)
        return "$" if name is None else variables.get(name, reference.group())

    return filled_in(text, _REFERENCE, value)


def filled_in(text: str, references: re.Pattern[str], value: Callable[[re.Match[str]], str]) -> str:
    """The text with each reference's value in its place; at most `TEXT_LIMIT` characters of it."""
    text = text[:TEXT_LIMIT]
    parts: list[str] = []
    length, place = 0, 0
    for reference in references.finditer(text):
        parts += text[place : reference.start()], value(reference)
        length += len(parts[-2]) + len(parts[-1])
        place = reference.end()
        if length >= TEXT_LIMIT:
            break
    parts.append(text[place:])
    return "".join(parts)[:TEXT_LIMIT]


def _field(pod: Raw, path: str) -> str | None:
    """What the downward API gives for a path of the metadata, such as `metadata.labels['app']`."""
    metadata = pod.get("metadata") or {}
    match = _METADATA.fullmatch(path)
    if match is None:
        return None
    field, key = match.groups()
    value = metadata.get(field)
    return (value or {}).get(key) if key else value
