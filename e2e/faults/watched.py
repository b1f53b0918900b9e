"""A monitored model that is asked all the while, and what people see of it around a fault."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from e2e import breaking, chat, small_models
from e2e.cluster.layout import Layout
from e2e.kubectl import Kubectl
from e2e.waiting import condition, conditions, events, until

MINUTES = 60.0
STEADY = ("Ready", "Injected", "Reporting", "Intercepting")


@dataclass(frozen=True, slots=True)
class Watched:
    """The monitor and the Deployment `name`, all of whose pods report."""

    namespace: Kubectl
    name: str
    image: str
    """The sidecar's, in which the clients run."""

    def pods(self) -> list[dict[str, Any]]:
        """Its pods."""
        return chat.pods(self.namespace, self.name)

    def ask(self, seconds: float) -> list[str]:
        """Start a client for each pod, which asks it for so long; gives the clients' names."""
        hosts = [pod["status"]["podIP"] for pod in self.pods()]
        clients = [f"{self.name}-asking-{secrets.token_hex(3)}" for _ in hosts]
        self.namespace.apply(
            *(
                small_models.client(client, self.image, host, seconds=seconds)
                for client, host in zip(clients, hosts, strict=True)
            )
        )
        until(lambda: self.requests() > 0, "the first requests to be counted", 2 * MINUTES)
        return clients

    def nothing_lost(self, clients: Sequence[str], *, failed: int = 0) -> None:
        """Once the clients are done: every answer was counted, once, and no more failed than may.

        Raises:
            WaitedInVain: the counts do not come to what the clients saw.
        """
        seen = [small_models.seen(self.namespace, client, 6 * MINUTES) for client in clients]
        answered = sum(one["answered"] for one in seen)
        until(lambda: self.requests() >= answered, f"{answered} requests to be counted", 3 * MINUTES)
        counted, failures = self.requests(), sum(one["failed"] for one in seen)
        assert counted == answered, f"{counted} requests were counted, {answered} answered: {seen}"
        assert failures <= failed, f"{failures} requests failed, {failed} may: {seen}"

    def requests(self) -> int:
        """What the status says was asked."""
        status = self.namespace.get(f"llmmonitor/{self.name}").get("status") or {}
        return int((status.get("window") or {}).get("requests") or 0)

    def steady(self) -> dict[str, tuple[str, str]]:
        """Status and time of the last transition of the conditions about monitoring."""
        found = conditions(self.namespace, self.name)
        return {kind: (found[kind]["status"], found[kind]["lastTransitionTime"]) for kind in STEADY}

    def becomes(self, seconds: float = 3 * MINUTES, /, **wanted: str) -> dict[str, dict[str, str]]:
        """Wait for conditions, as `waiting.condition` does."""
        return condition(self.namespace, self.name, seconds, **wanted)

    def said(self) -> list[str]:
        """Its Events so far."""
        return events(self.namespace, self.name)


@contextmanager
def watched(namespace: Kubectl, name: str, image: str, *, replicas: int = 2) -> Iterator[Watched]:
    """A model of small pods on both nodes whose monitor is content; it goes afterwards."""
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": name}},
    }
    server = small_models.server(image)
    one = Watched(namespace, name, image)
    try:
        small_models.monitored(namespace, name, server, replicas=replicas, topologySpreadConstraints=[spread])
        namespace("rollout", "status", f"deployment/{name}", "--timeout=180s")
        one.becomes(Ready="True", Injected="True", Reporting="True")
        small_models.read(namespace, name)
        yield one
    finally:
        small_models.remove(namespace, name)


def own_cluster() -> Layout:
    """Where the cluster's own parts may be broken; skips elsewhere."""
    breaking.needs_the_nodes()
    return Layout.from_environment()


def settled(one: Watched) -> dict[str, tuple[str, str]]:
    """How it is once traffic is read: the conditions that must not move during a fault."""
    one.becomes(2 * MINUTES, **dict.fromkeys(STEADY, "True"))
    return one.steady()
