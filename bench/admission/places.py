"""Where the webhook's bench creates pods: three namespaces that differ in what the webhook does there."""

from __future__ import annotations

from dataclasses import dataclass

from bench.comparison import AGAIN

NAMESPACE = "webhook-bench"
"""Of the release."""
NAME = "webhook-bench"
INJECTED = "webhook, injecting"
CALLED = "webhook, no monitor"
WITHOUT = "without webhook"


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace, and what to call it."""

    subject: str
    namespace: str
    description: str


PLACES = {
    one.subject: one
    for one in (
        Place(
            INJECTED, f"{NAMESPACE}-injected", "a monitor selects the pods; each gets the sidecar by patch"
        ),
        Place(CALLED, f"{NAMESPACE}-called", "the webhook is asked and nobody monitors the pods"),
        Place(WITHOUT, f"{NAMESPACE}-without", "the webhook's namespaceSelector leaves the namespace out"),
    )
}
SUBJECTS = {INJECTED: INJECTED, CALLED: CALLED, WITHOUT: WITHOUT, f"{WITHOUT}{AGAIN}": WITHOUT}
"""What is measured each round, and in which place: one place twice, for the A/A row."""
