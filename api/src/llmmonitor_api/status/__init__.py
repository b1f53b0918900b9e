"""`LLMMonitor.status` as pydantic models: figures with their sample sizes, lists with their caps.

Made by the operator's evaluation from merged reports; the CRD's status schema is generated from these.
What is not known is absent, never zero.
"""

from llmmonitor_api.status.economy import CostStatus, VersionStatus, VersionVerdict
from llmmonitor_api.status.figures import GPUStatus, ObjectiveStatus, PerformanceStatus, ResourcesStatus
from llmmonitor_api.status.findings import (
    AuditStatus,
    BiasStatus,
    CanariesStatus,
    DetectorReview,
    DriftStatus,
    DriftVerdict,
    InteractionStatus,
    ProbeStatus,
    QualityStatus,
    ReviewersStatus,
    SuiteStatus,
)
from llmmonitor_api.status.model import Distribution, Estimate, Quantile
from llmmonitor_api.status.monitor import MonitorStatus, StatusCondition
from llmmonitor_api.status.requests import RequestCheckStatus, RequestsStatus
from llmmonitor_api.status.restart import FailedPod, RestartedPod, RestartStatus
from llmmonitor_api.status.subject import EngineStatus, PodsStatus, UnmonitoredPod, WindowStatus

__all__ = [
    "AuditStatus",
    "BiasStatus",
    "CanariesStatus",
    "CostStatus",
    "DetectorReview",
    "Distribution",
    "DriftStatus",
    "DriftVerdict",
    "EngineStatus",
    "Estimate",
    "FailedPod",
    "GPUStatus",
    "InteractionStatus",
    "MonitorStatus",
    "ObjectiveStatus",
    "PerformanceStatus",
    "PodsStatus",
    "ProbeStatus",
    "QualityStatus",
    "Quantile",
    "RequestCheckStatus",
    "RequestsStatus",
    "ResourcesStatus",
    "RestartStatus",
    "RestartedPod",
    "ReviewersStatus",
    "StatusCondition",
    "SuiteStatus",
    "UnmonitoredPod",
    "VersionStatus",
    "VersionVerdict",
    "WindowStatus",
]
