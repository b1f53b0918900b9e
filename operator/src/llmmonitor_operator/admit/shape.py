"""Is this JSON a pod as far as the rest reads it? Asked once, before anything else looks at it.

The API server sends nothing else, but whoever reaches the webhook's port might, and a pod must not fail to
start because we tripped over it. What this version does not read may have any shape.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from llmmonitor_api.quantities import parse_quantity

_Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class _ContainerPort(msgspec.Struct, rename="camel"):
    container_port: _Port
    host_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] | None = None
    name: str | None = None
    protocol: str = "TCP"


class _Field(msgspec.Struct, rename="camel"):
    field_path: str


class _Source(msgspec.Struct, rename="camel"):
    field_ref: _Field | None = None


class _Variable(msgspec.Struct, rename="camel"):
    name: str
    value: str | None = None
    value_from: _Source | msgspec.UnsetType = msgspec.UNSET


class _Action(msgspec.Struct):
    port: int | str = 0


class _Handler(msgspec.Struct, rename="camel"):
    """A probe, or a hook of the lifecycle."""

    http_get: _Action | None = None
    tcp_socket: _Action | None = None


class _Lifecycle(msgspec.Struct, rename="camel"):
    post_start: _Handler | None = None
    pre_stop: _Handler | None = None


class _Resources(msgspec.Struct):
    requests: dict[str, str | int | float] | None = None
    limits: dict[str, str | int | float] | None = None


class _Container(msgspec.Struct, rename="camel"):
    name: str
    image: str = ""
    command: list[str] | None = None
    args: list[str] | None = None
    working_dir: str | None = None
    ports: list[_ContainerPort] | None = None
    env: list[_Variable] | None = None
    resources: _Resources | None = None
    startup_probe: _Handler | None = None
    readiness_probe: _Handler | None = None
    liveness_probe: _Handler | None = None
    lifecycle: _Lifecycle | None = None
    security_context: dict[str, Any] | None = None
    restart_policy: str | None = None


class _System(msgspec.Struct):
    name: str = ""


class _Spec(msgspec.Struct, rename="camel"):
    containers: Annotated[list[_Container], msgspec.Meta(min_length=1)]
    init_containers: list[_Container] | None = None
    ephemeral_containers: list[_Container] | None = None
    resources: _Resources | None = None
    overhead: dict[str, str | int | float] | None = None
    security_context: dict[str, Any] | None = None
    node_selector: dict[str, str] | None = None
    affinity: dict[str, Any] | None = None
    os: _System | None = None
    host_network: bool | None = None
    share_process_namespace: bool | None = None
    active_deadline_seconds: int | None = None
    termination_grace_period_seconds: int = 30
    priority_class_name: str | None = None


class _Owner(msgspec.Struct):
    kind: str = ""
    controller: bool | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None


class _Pod(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec


def misshapen(pod: object) -> str:
    """What is wrong with it, in words; empty for a pod that may be read."""
    try:
        shape = msgspec.convert(pod, _Pod)
        resources = [shape.spec.resources, *(one.resources for one in _containers(shape.spec))]
        for one in resources:
            for given in (one.requests, one.limits) if one else ():
                for quantity in (given or {}).values():
                    parse_quantity(str(quantity))
    except (msgspec.ValidationError, ValueError, RecursionError) as error:
        return f"this is no pod that can be read: {error}"
    return ""


def _containers(spec: _Spec) -> list[_Container]:
    return [*spec.containers, *(spec.init_containers or ()), *(spec.ephemeral_containers or ())]
