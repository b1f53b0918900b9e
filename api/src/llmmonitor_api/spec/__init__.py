"""The `LLMMonitor` resource as pydantic models: one file per section, rules beside their fields.

`load_monitor` is the way in for operator and CLI; the CRD is generated from these models by
`llmmonitor_api.crd`. Needs pydantic, so the sidecar does not import it.
"""

from llmmonitor_api.spec.loading import InvalidMonitor, load_monitor
from llmmonitor_api.spec.monitor import GROUP, KIND, PLURAL, VERSION, LLMMonitor, Metadata, MonitorSpec
from llmmonitor_api.spec.objectives import DEFAULT_OBJECTIVES, Objective, ObjectiveSource
from llmmonitor_api.spec.signals import SIGNALS, ObjectiveSignal, SignalFacts

__all__ = [
    "DEFAULT_OBJECTIVES",
    "GROUP",
    "KIND",
    "PLURAL",
    "SIGNALS",
    "VERSION",
    "InvalidMonitor",
    "LLMMonitor",
    "Metadata",
    "MonitorSpec",
    "Objective",
    "ObjectiveSignal",
    "ObjectiveSource",
    "SignalFacts",
    "load_monitor",
]
