"""The whole resource: `LLMMonitor` with metadata and spec, and the rules that span sections."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from llmmonitor_api.conditions import Role
from llmmonitor_api.quantities import Duration
from llmmonitor_api.spec.cost import Cost
from llmmonitor_api.spec.drift import Drift
from llmmonitor_api.spec.interactions import Interactions
from llmmonitor_api.spec.interception import Interception, InterceptionMode
from llmmonitor_api.spec.limits import within
from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import ResourceName
from llmmonitor_api.spec.performance import Performance
from llmmonitor_api.spec.privacy import Privacy
from llmmonitor_api.spec.quality import Quality
from llmmonitor_api.spec.requests import RequestChecks
from llmmonitor_api.spec.resources import Resources
from llmmonitor_api.spec.roles import ChosenRole, Roles
from llmmonitor_api.spec.sampling import Sampling
from llmmonitor_api.spec.target import ExistingPods, LabelSelector, Target
from llmmonitor_api.spec.versions import Versions

GROUP: Final = "llmmonitor.io"
VERSION: Final = "v1alpha1"
KIND: Final = "LLMMonitor"
PLURAL: Final = "llmmonitors"


class MonitorSpec(SpecModel):
    """What is monitored and by which measure; only the selector must be given."""

    selector: LabelSelector
    """Which pods of this namespace are monitored."""
    target: Target = Target()
    """What in the pod serves the model; what is left out is found."""
    existing_pods: ExistingPods = ExistingPods.ATTACH
    """Pods that run without a sidecar: Attach adds one without a restart, Restart evicts them one by one,
    Ignore leaves them."""
    interception: Interception = Interception()
    """How the sidecar reads the model's traffic, and when it steps aside."""
    sampling: Sampling = Sampling()
    """How often the sidecar samples and reports."""
    resources: Resources = Resources()
    """When memory, CPU, GPU and KV cache count as unhealthy."""
    performance: Performance = Performance()
    """Objectives, and when the model counts as hung."""
    requests: RequestChecks = RequestChecks()
    """What a valid request is."""
    drift: Drift = Drift()
    """How requests and answers are compared with what they used to be."""
    interactions: Interactions = Interactions()
    """How many problematic interactions are too many."""
    quality: Quality = Quality()
    """Probes, suites and outcomes."""
    versions: Versions = Versions()
    """How versions of the model are told apart and compared."""
    cost: Cost = Cost()
    """What the hardware costs and what may be spent."""
    privacy: Privacy = Privacy()
    """What may be kept of what people type."""
    roles: Roles = Field(default_factory=dict)
    """Which conditions turn Healthy, where that differs from the default."""
    hold_for: Annotated[Duration, within(timedelta(0), timedelta(days=7))] = timedelta(hours=1)
    """Without traffic the last verdict holds for this long, marked with its age; up to 7d."""
    clear_after: Annotated[Duration, within(timedelta(0), timedelta(days=7))] = timedelta(minutes=5)
    """A condition turns True again only after this long without its cause; up to 7d."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="existing_pods",
            reads=("interception", "existing_pods"),
            message="interception.mode Port needs existingPods Restart or Ignore: "
            "the port of a running pod cannot be handed to an attached sidecar",
            holds=lambda one: (
                one.interception.mode is not InterceptionMode.PORT
                or one.existing_pods is not ExistingPods.ATTACH
            ),
            cel="self.interception.mode != 'Port' || self.existingPods != 'Attach'",
        ),
        Rule(
            at="target",
            reads=("interception", "target"),
            message="target.port must differ from interception.relayPort and apiPort; change these",
            holds=lambda one: one.target.port not in {one.interception.relay_port, one.interception.api_port},
            cel="!has(self.target.port) || "
            "!(self.target.port in [self.interception.relayPort, self.interception.apiPort])",
        ),
    )

    @property
    def condition_roles(self) -> Mapping[str, Role]:
        """`roles` in the words of the condition table, for `conditions.is_gating`."""
        chosen = {ChosenRole.GATING: Role.GATING, ChosenRole.ADVISORY: Role.ADVISORY}
        return MappingProxyType({name: chosen[role] for name, role in self.roles.items()})


class Metadata(BaseModel):
    """What is read of an object's metadata; the rest is the API server's."""

    model_config = ConfigDict(
        extra="ignore",
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        use_attribute_docstrings=True,
    )

    name: ResourceName
    """The object's name."""
    namespace: ResourceName = "default"
    """The object's namespace."""
    uid: Annotated[str, Field(max_length=64)] = ""
    """The object's identity; empty without a cluster."""
    generation: Annotated[int, Field(ge=0)] = 0
    """Counts changes of the spec; 0 without a cluster."""
    creation_timestamp: datetime | None = None
    """When it was created: of two monitors that match one pod the older counts. None without a cluster."""


class LLMMonitor(SpecModel):
    """Is the LLM served by these pods healthy?"""

    api_version: Literal["llmmonitor.io/v1alpha1"]
    """The version of this schema."""
    kind: Literal["LLMMonitor"]
    """Always LLMMonitor."""
    metadata: Metadata
    """Name, namespace and what else Kubernetes keeps."""
    spec: MonitorSpec
    """What is monitored and by which measure."""

    @property
    def title(self) -> str:
        """As messages name it: `LLMMonitor prod/chat`."""
        return f"{KIND} {self.metadata.namespace}/{self.metadata.name}"
