"""The decision about a created pod, around which all is well unless a test says otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
from tests.operator.model_pods import COMMON, NAMESPACE, VERDICT, monitor

from llmmonitor_api.spec import LLMMonitor
from llmmonitor_operator.admit.decide import Admission, Surroundings, admit

AROUND = Surroundings(namespace=NAMESPACE, monitors=(monitor(),), common=COMMON, verdict=VERDICT, fresh=True)


def configuration(owner: LLMMonitor) -> str:
    return f'{{"of": "{owner.metadata.name}"}}'


def admitted(pod: object, around: Surroundings = AROUND) -> Admission:
    return admit(pod, around, configuration)


def verdict(**changes: Any) -> Surroundings:
    return replace(AROUND, verdict=msgspec.structs.replace(VERDICT, **changes))


QUOTA = {
    "metadata": {"name": "compute"},
    "spec": {"hard": {"pods": "0"}},
    "status": {"hard": {"pods": "0"}, "used": {"pods": "0"}},
}


def static(pod: dict[str, Any]) -> None:
    pod["metadata"]["ownerReferences"] = [{"kind": "Node", "name": "n", "controller": True}]
