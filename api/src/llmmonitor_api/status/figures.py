"""How the model performs and what it uses: performance, objectives, resources."""

from typing import Annotated

from pydantic import Field

from llmmonitor_api.quantities import Duration, Percentage
from llmmonitor_api.spec.names import ItemName
from llmmonitor_api.spec.objectives import ObjectiveSource
from llmmonitor_api.spec.scope import MODELS_LIMIT, ModelPattern, Operation
from llmmonitor_api.spec.signals import ObjectiveSignal
from llmmonitor_api.status.model import (
    Count,
    Distribution,
    Label,
    Number,
    Ratio,
    Sentence,
    StatusModel,
)


class PerformanceStatus(StatusModel):
    """Speed, load and failures within the window."""

    time_to_first_token_seconds: Distribution | None = None
    """From the last byte of the request to the first generated token; streamed requests only."""
    time_per_output_token_seconds: Distribution | None = None
    """Mean time between tokens of a request; exact token counts only."""
    request_duration_seconds: Distribution | None = None
    """From the last byte of the request to the last of the answer."""
    requests_per_second: Number | None = None
    """Requests finished per second."""
    tokens_per_second: Number | None = None
    """Completion tokens per second, of all replicas."""
    tokens_per_second_per_gpu: Number | None = None
    """The same for each GPU that the reporting pods request; absent where one of them requests none, or the
    model is spread over worker pods."""
    goodput: Ratio | None = None
    """The share of requests that met every objective that judged them."""
    goodput_requests: Count | None = None
    """The requests that it is the share of."""
    in_flight: Count | None = None
    """Requests being answered now."""
    oldest_in_flight_seconds: Number | None = None
    """The age of the oldest of them."""
    errors: Count | None = None
    """Requests that failed by the server's fault: the four below together."""
    overloaded: Count | None = None
    """Refused for load (429, 503, 529)."""
    timed_out: Count | None = None
    """Ended by the server's time-out (408, 504, or in its own words)."""
    server_errors: Count | None = None
    """Other 5xx, and errors inside a stream."""
    cut_off: Count | None = None
    """The server went away in the middle of the answer."""
    client_errors: Count | None = None
    """Other 4xx: the request was wrong, not the model; no errors."""
    empty_answers: Count | None = None
    """Successful answers without any output."""
    tool_call_answers: Count | None = None
    """Answers with tool calls that were looked at."""
    malformed_tool_calls: Count | None = None
    """Those of them with arguments that are no JSON object."""
    json_answers: Count | None = None
    """Answers to requests for JSON that were looked at."""
    malformed_json: Count | None = None
    """Those of them that are no JSON."""
    aborts: Count | None = None
    """Requests that their client gave up."""
    truncations: Count | None = None
    """Answers cut at a length limit."""
    energy_per_token_joules: Number | None = None
    """Energy of the pods' GPUs per completion token, idle time included; absent without exact counts."""
    energy_tokens: Count | None = None
    """Over how many tokens: those of pods whose GPUs' energy is known."""


class ObjectiveStatus(StatusModel):
    """One objective: what it asks, and how its error budget burns."""

    name: ItemName
    """The objective's name."""
    signal: ObjectiveSignal
    """What it speaks of."""
    source: ObjectiveSource
    """Whether the spec or the default set it."""
    threshold: Label | None = None
    """Its threshold, as written."""
    target: Percentage
    """The share that must be good."""
    window: Duration
    """The time that the error budget is for."""
    models: Annotated[tuple[ModelPattern, ...], Field(max_length=MODELS_LIMIT)] = ()
    """For which models alone; all when empty."""
    operations: Annotated[tuple[Operation, ...], Field(max_length=len(Operation))] = ()
    """For which operations alone; all that generate when empty."""
    good: Count = 0
    """Good events in the part of the window that is filled."""
    bad: Count = 0
    """Bad ones."""
    budget_left: Annotated[float, Field(le=1)] | None = None
    """The share of the error budget that is left; negative when overspent."""
    burn_rate: Number | None = None
    """How many times too fast the budget burns, over the alerting pair that is nearest to firing."""
    burn_rate_limit: Number | None = None
    """The factor at which that pair fires."""
    holds: bool | None = None
    """The verdict; absent while there is none."""
    note: Sentence | None = None
    """Why there is none yet of some requests, or in which pods it is not counted."""


class GPUStatus(StatusModel):
    """The GPUs of all pods, and where their figures come from."""

    requested: Count = 0
    """GPUs that the pods request."""
    visible: Count = 0
    """GPUs that are measured."""
    source: Label = ""
    """NVML, DCGM, both, or empty."""
    lost: Count = 0
    """GPUs that no longer answer."""
    utilisation: Ratio | None = None
    """The share of time with a kernel running, mean of all; not how busy a GPU is. Absent with MIG, but by
    DCGM."""
    memory_used_bytes: Count | None = None
    """Memory in use, of all GPUs."""
    memory_total_bytes: Count | None = None
    """Memory there is."""
    power_watts: Number | None = None
    """Power drawn, of all GPUs that are not partitioned."""
    errors: Count | None = None
    """XIDs that speak of the hardware, as far back as sidecars have looked."""


class ResourcesStatus(StatusModel):
    """What the pods use; where there are several, the highest."""

    memory_used_bytes: Count | None = None
    """Memory of the pod that uses the largest share of its limit."""
    memory_limit_bytes: Count | None = None
    """That pod's limit; absent without one."""
    memory_share: Ratio | None = None
    """The share in use."""
    cpu_cores: Number | None = None
    """CPU cores in use, of all pods."""
    cpu_throttled_share: Ratio | None = None
    """Scheduling periods in which the limit stopped the pod, as a share; in a pod, where these cannot be
    read, time in which it held the model back."""
    kv_cache_share: Ratio | None = None
    """KV cache in use."""
    requests_waiting: Count | None = None
    """Requests waiting in the engines."""
    oom_kills: Count | None = None
    """Processes killed for memory within the last hour, as the kernel counts them and the kubelet says."""
    gpu: GPUStatus | None = None
    """The GPUs."""
