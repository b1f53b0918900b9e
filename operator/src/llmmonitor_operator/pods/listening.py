"""On which port a server listens, by what its pod says: options, variables, probes, declarations, defaults.

In this order, since an option is obeyed, while a declared port only informs. A port that the kubelet probes
or the owner declares beats an engine's default, which a configuration file or an image may have changed.
"""

from __future__ import annotations

import re

from llmmonitor_operator.pods.candidate import Candidate
from llmmonitor_operator.pods.commands import port_number
from llmmonitor_operator.pods.containers import probed_ports, tcp_ports
from llmmonitor_operator.pods.engines import Facts

_HTTP_NAME = re.compile(r"(?:.*-)?(?:https?\d?|api|openai|rest|serve|server|serving|web|llm)(?:-.*)?")
_NO_HTTP_NAME = re.compile(r".*(?:metrics|grpc|health|admin|debug|prom).*")
_ADDRESS = re.compile(r"(?:(?P<scheme>https?)://)?(?:\[[^\]]*\]|[^:/\[\]]*)(?::(?P<port>\d+))?(?:/.*)?")
_SCHEME_PORTS = {"http": 80, "https": 443}


def listening_port(one: Candidate, facts: Facts) -> tuple[int, str] | None:
    """The port and how it is known; None if nothing says it.

    Args:
        one: the container that serves.
        facts: of its engine, which the owner may have named.
    """
    default = one.default_port if facts is one.facts else facts.port
    return _told(one, facts) or _shown(one, default) or _default(default)


def address_port(text: str) -> int | None:
    """The port of `host:port`, `:port` or a URL; a URL without one has its scheme's (as Ollama reads it)."""
    match = _ADDRESS.fullmatch(text.strip().strip("\"'"))
    if match is None:
        return None
    if match["port"]:
        return port_number(match["port"])
    return _SCHEME_PORTS.get(match["scheme"] or "")


def _told(one: Candidate, facts: Facts) -> tuple[int, str] | None:
    """What the server itself obeys."""
    option = one.commands.option(one.words, facts.options)
    number = port_number(option[1]) if option else None
    if option and number:
        return number, f"{option[0]} in its command line"
    for names, read in ((facts.variables, port_number), (facts.addresses, address_port)):
        for name in names:
            number = read(one.commands.filled_in(one.commands.variables.get(name, "")))
            if number:
                return number, f"{name} in its environment"
    return None


def _shown(one: Candidate, default: int | None) -> tuple[int, str] | None:
    """What the pod's owner told Kubernetes."""
    declared = tcp_ports(one.container)
    probed = list(probed_ports(one.container))
    if default in {*probed, *(port.number for port in declared)}:
        return None
    if probed:
        return probed[0], f"probed port {probed[0]}"
    likely = [port for port in declared if not _NO_HTTP_NAME.fullmatch(port.name)]
    named = [port for port in likely if _HTTP_NAME.fullmatch(port.name)]
    for ports in (named, likely):
        if len(ports) == 1 or (ports and ports is named):
            return ports[0].number, f"declared port {ports[0].name or ports[0].number}"
    return None


def _default(default: int | None) -> tuple[int, str] | None:
    return (default, f"default port {default}") if default else None
