"""Which pods, and what in them: `spec.selector`, `spec.target` and `spec.existingPods`."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from llmmonitor_api.spec.model import Rule, SpecModel
from llmmonitor_api.spec.names import LABEL_KEYS, ContainerName, LabelKey, LabelValue, ModelName, Port


class ExpressionOperator(StrEnum):
    """How a label is compared, as in every label selector of Kubernetes."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"

    @property
    def takes_values(self) -> bool:
        """Whether the operator compares with values."""
        return self in {ExpressionOperator.IN, ExpressionOperator.NOT_IN}


class LabelExpression(SpecModel):
    """One requirement on a label."""

    key: LabelKey
    """The label's key."""
    operator: ExpressionOperator
    """In and NotIn compare with values; Exists and DoesNotExist take none."""
    values: Annotated[tuple[LabelValue, ...], Field(max_length=50)] = ()
    """The values that In and NotIn compare with."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="values",
            reads=("operator", "values"),
            message="values must be given for In and NotIn, and left out for Exists and DoesNotExist",
            holds=lambda one: one.operator.takes_values == bool(one.values),
            cel="(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
        ),
    )


class LabelSelector(SpecModel):
    """Which pods are monitored, in the monitor's own namespace; all requirements must hold."""

    match_labels: Annotated[
        dict[LabelKey, LabelValue], Field(default_factory=dict, max_length=50), LABEL_KEYS
    ]
    """Labels that the pods must have with exactly these values."""
    match_expressions: Annotated[tuple[LabelExpression, ...], Field(max_length=20)] = ()
    """Further requirements on labels."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            at="",
            reads=("match_labels", "match_expressions"),
            message="the selector must not be empty, or every pod of the namespace would be monitored; "
            "give matchLabels or matchExpressions",
            holds=lambda one: bool(one.match_labels or one.match_expressions),
            cel="(has(self.matchLabels) && size(self.matchLabels) > 0) || "
            "(has(self.matchExpressions) && size(self.matchExpressions) > 0)",
        ),
    )


class Engine(StrEnum):
    """The model server's kind; Auto finds it from image, command and answers."""

    AUTO = "Auto"
    VLLM = "VLLM"
    SGLANG = "SGLang"
    TGI = "TGI"
    TRITON = "Triton"
    TENSORRT_LLM = "TensorRTLLM"
    LLAMA_CPP = "LlamaCpp"
    OLLAMA = "Ollama"
    OPENAI_COMPATIBLE = "OpenAICompatible"


class Target(SpecModel):
    """What in the pod serves the model; whatever is left out is found, and status says how."""

    container: ContainerName | None = None
    """The container that serves the model."""
    port: Port | None = None
    """The port that it serves on."""
    engine: Engine = Engine.AUTO
    """The model server's kind."""
    model: ModelName | None = None
    """The model's name as served; figures of other models are kept apart."""


class ExistingPods(StrEnum):
    """What happens to pods that run without a sidecar."""

    ATTACH = "Attach"
    RESTART = "Restart"
    IGNORE = "Ignore"
