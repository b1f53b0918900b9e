"""Picks out of ConfigMaps what the operator keeps of one monitor, and decodes it.

A reader finds it by the annotations that the operator writes (the monitor's UID, else its name), never by the
name of a release. The checkpoint must be there and readable: without it there is nothing to report. What lies
beside it (history of anomalies, baseline of drift) may be missing, which the report then says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec
from pydantic import ValidationError

from llmmonitor_api.spec import InvalidMonitor, LLMMonitor, load_monitor
from llmmonitor_api.spec.monitor import GROUP, KIND, VERSION
from llmmonitor_api.status import MonitorStatus
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_operator.anomalies.cell import Cell, cell_of
from llmmonitor_operator.anomalies.history import every_cell
from llmmonitor_operator.checkpoint import UnreadableCheckpoint
from llmmonitor_operator.configure import settings_for
from llmmonitor_operator.drift.baseline import Baseline
from llmmonitor_operator.kube.moments import unix_seconds
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.reconcile.keep.beside import Form
from llmmonitor_operator.reconcile.keep.checkpoints import HOT, LABEL, MONITOR, SAVED_AT, UID, UNREADABLE
from llmmonitor_operator.reconcile.keep.checkpoints import state_of as state_in
from llmmonitor_operator.reconcile.keep.histories import BASELINE, HISTORY
from llmmonitor_operator.state import State

T = TypeVar("T")
_FIVE_MINUTES = 1
"""The tier of the state's figures whose cells are those of the history."""


class NoReport(RuntimeError):
    """There is nothing to make a report of; the message says why and what to do."""


def is_of(metadata: Mapping[str, Any], uid: str, title: str) -> bool:
    """Whether a ConfigMap is kept of the monitor: by its UID, or by `namespace/name` where that is empty."""
    annotations = metadata.get("annotations") or {}
    return bool(annotations.get(UID) == uid if uid else annotations.get(MONITOR) == title)


def material_of(namespace: str, name: str, monitor: Raw | None, kept: Iterable[Raw]) -> Material:
    """What these objects say of the monitor.

    Args:
        namespace: the monitor's.
        name: its name.
        monitor: the LLMMonitor as the API server gives it; None if it is gone.
        kept: ConfigMaps, others' among them.

    Raises:
        NoReport: no checkpoint of it is among them, or none that this version can read.
    """
    title = f"{namespace}/{name}"
    uid = str(((monitor or {}).get("metadata") or {}).get("uid") or "")
    mine = [one for one in kept if is_of(one.get("metadata") or {}, uid, title)]
    checkpoints = [one for one in mine if _kind(one) == HOT]
    checkpoint = _newest(checkpoints)
    if checkpoint is None:
        raise NoReport(_nothing_kept(title, mine))
    metadata = checkpoint["metadata"]
    uid = uid or str((metadata.get("annotations") or {}).get(UID) or "")
    mine = [one for one in mine if is_of(one["metadata"], uid, title)]
    try:
        state = state_in(checkpoint)
    except UnreadableCheckpoint as error:
        raise NoReport(
            f"LLMMonitor {title}: the checkpoint in ConfigMap {_place(checkpoint)} cannot be read:"
            f" {error}; if"
            " the operator is of another version than this llm-monitor, use the llm-monitor of its version"
        ) from error
    missing: list[str] = []
    if len(checkpoints) > 1:
        others = ", ".join(_place(one) for one in checkpoints if one is not checkpoint)
        missing.append(
            f"More than one installation keeps something of it; {_place(checkpoint)} is the newest, and here,"
            f" {others} is not."
        )
    if monitor is None:
        missing.append(
            "The LLMMonitor is gone: figures of the last hour (resources, GPUs, engine) are not known, and"
            " conditions are those of the last checkpoint."
        )
    history = _beside(HISTORY, mine, missing, "figures in steps of five minutes are not known")
    baseline = _beside(BASELINE, mine, missing, "what drift is judged by is not known")
    missing += [
        f"The operator could not read an earlier checkpoint and keeps it as ConfigMap {_place(one)}: what was"
        " in it is not in this report."
        for one in mine
        if _kind(one) == UNREADABLE
    ]
    spec = _spec(monitor, state, {"name": name, "namespace": namespace, "uid": uid}, missing)
    status = _status(monitor, state, missing)
    return Material(
        namespace=namespace,
        name=name,
        uid=uid,
        state=state,
        status=status,
        has_status=monitor is not None,
        monitor=spec,
        settings=settings_for(spec) if spec is not None else None,
        saved_at=unix_seconds((metadata.get("annotations") or {}).get(SAVED_AT)),
        cells=_with_the_newest(every_cell(history) if history is not None else {}, state),
        baseline=baseline if isinstance(baseline, Baseline) else None,
        missing=tuple(missing),
    )


def _nothing_kept(title: str, mine: list[Raw]) -> str:
    aside = [_place(one) for one in mine if _kind(one) == UNREADABLE]
    if aside:
        return (
            f"LLMMonitor {title}: the operator could not read its last checkpoint and set it aside as"
            " ConfigMap"
            f" {', '.join(aside)}; there is no other yet (one is written within five minutes of traffic)"
        )
    return (
        f"LLMMonitor {title}: no checkpoint of it (ConfigMaps labelled {LABEL}={HOT} in the operator's"
        " namespace); the first is written five minutes after the first traffic, and one is deleted seven"
        " days"
        " after its monitor. Does an operator run that has this namespace?"
    )


def _newest(kept: Iterable[Raw]) -> Raw | None:
    def saved(one: Raw) -> float:
        return unix_seconds((one["metadata"].get("annotations") or {}).get(SAVED_AT)) or 0.0

    return max(kept, key=saved, default=None)


def _kind(one: Raw) -> str:
    return str((one["metadata"].get("labels") or {}).get(LABEL) or "")


def _place(one: Raw) -> str:
    return f"{one['metadata'].get('namespace', '')}/{one['metadata'].get('name', '')}"


def _beside(form: Form[T], mine: Iterable[Raw], missing: list[str], so: str) -> T | None:
    of_kind = [one for one in mine if _kind(one) == form.kind]
    ours = [one for one in of_kind if str(one["metadata"].get("name", "")).endswith(f"-{form.schema}")]
    found = _newest(ours)
    if found is None:
        if of_kind:
            others = ", ".join(map(_place, of_kind))
            missing.append(
                f"The {form.words} is of another schema ({others}; this version reads {form.schema}): {so}."
            )
        else:
            missing.append(f"No {form.words} is kept (it is written once an hour): {so}.")
        return None
    try:
        return form.read(found)
    except ValueError as error:
        missing.append(f"The {form.words} in ConfigMap {_place(found)} cannot be read ({error}): {so}.")
        return None


def _spec(
    monitor: Raw | None, state: State, head: Mapping[str, str], missing: list[str]
) -> LLMMonitor | None:
    """That of the object if it is valid, else the last valid one, which is in force then."""
    problem = "The LLMMonitor is gone"
    if monitor is not None:
        try:
            return load_monitor(monitor)
        except InvalidMonitor as error:
            problem = f"The LLMMonitor's spec is invalid ({'; '.join(error.errors)})"
    if state.valid_spec:
        try:
            older = msgspec.json.decode(state.valid_spec, type=dict[str, Any])
            kind = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": dict(head)}
            found = load_monitor({**kind, "spec": older})
        except (InvalidMonitor, msgspec.MsgspecError) as error:
            problem += f", and the last valid one cannot be read by this version ({error})"
        else:
            missing.append(f"{problem}: the settings shown are the last valid ones, of the checkpoint.")
            return found
    missing.append(f"{problem}: limits, targets and privacy settings are not known.")
    return None


def _status(monitor: Raw | None, state: State, missing: list[str]) -> MonitorStatus:
    from_checkpoint = MonitorStatus().with_conditions(state.conditions)
    if monitor is None:
        return from_checkpoint
    try:
        return MonitorStatus.load(monitor.get("status"))
    except (ValidationError, msgspec.ValidationError) as error:
        missing.append(
            f"The LLMMonitor's status cannot be read by this version ({str(error).splitlines()[0]}):"
            " conditions are those of the last checkpoint."
        )
        return from_checkpoint


def _with_the_newest(cells: Mapping[int, Cell], state: State) -> dict[int, Cell]:
    """With the last hour of the state's own, which the history may not have yet."""
    last = max(cells, default=0)
    newer = {
        at: cell_of(figures)
        for at, packed in state.figures[_FIVE_MINUTES].items()
        if at > last and ((figures := packed.unpacked()).begun or figures.ended)
    }
    return dict(sorted({**cells, **newer}.items()))
