"""The nftables commands of transparent interception, as text: pure.

One transaction each, idempotent: loading a plain table twice appends its rules, so it is deleted and defined
(nft 1.0 has no `destroy`, so it is added first). Only connections that come from outside (`iifname != "lo"`)
to an address of this network namespace and a port in the set go to the relay; with no listener there, TPROXY
does not match and the model gets them. The elements' timeout is the dead man's switch: nobody renews, nobody
intercepts. Two sets rather than one: a model that listens on 0.0.0.0 only must go on refusing IPv6.
"""

from __future__ import annotations

import dataclasses

TABLE = "llmmonitor"
ELEMENT_TIMEOUT_SECONDS = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Families:
    """By which of the two protocols something is so."""

    ipv4: bool = False
    ipv6: bool = False

    def __bool__(self) -> bool:
        return self.ipv4 or self.ipv6


def install(relay_port: int) -> str:
    """The table with empty sets: nothing is intercepted yet."""
    outside = 'iifname != "lo" fib daddr type local tcp dport'
    return f"""
table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
    set ports_ipv4 {{
        type inet_service
        flags timeout
    }}
    set ports_ipv6 {{
        type inet_service
        flags timeout
    }}
    chain prerouting {{
        type filter hook prerouting priority mangle; policy accept;
        {outside} @ports_ipv4 meta nfproto ipv4 tproxy ip to :{relay_port} accept
        {outside} @ports_ipv6 meta nfproto ipv6 tproxy ip6 to :{relay_port} accept
    }}
}}
"""


def is_whole(rules: str, relay_port: int) -> bool:
    """Whether both of our rules are in what `list_all` gave: somebody may have flushed them."""
    return all(f"tproxy {family} to :{relay_port}" in rules for family in ("ip", "ip6"))


def remove() -> str:
    """Nothing of ours is left."""
    return f"table inet {TABLE}\ndelete table inet {TABLE}\n"


def renew(port: int, families: Families) -> str:
    """Intercept connections to `port` by `families`, and by no other, for the next second.

    Deleting what is not there is an error, and adding what is there leaves its timeout: so each is added,
    deleted, and added with a new timeout.
    """
    lines = []
    for name, wanted in (("ports_ipv4", families.ipv4), ("ports_ipv6", families.ipv6)):
        lines += [
            f"add element inet {TABLE} {name} {{ {port} }}",
            f"delete element inet {TABLE} {name} {{ {port} }}",
        ]
        if wanted:
            lines.append(f"add element inet {TABLE} {name} {{ {port} timeout {ELEMENT_TIMEOUT_SECONDS}s }}")
    return "\n".join(lines) + "\n"


def disarm() -> str:
    """Intercept no further connection, at once."""
    return f"flush set inet {TABLE} ports_ipv4\nflush set inet {TABLE} ports_ipv6\n"


def list_all() -> str:
    """Every rule of this network namespace, iptables-nft's too."""
    return "list ruleset\n"
