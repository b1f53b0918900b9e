"""Reads a monitor and what the operator keeps of it from a cluster, with the rights of whoever asks.

Needed: to get LLMMonitors in their namespace, and to list and get ConfigMaps in the operator's, which is
looked for where it is not given (then ConfigMaps of all namespaces must be listable).
"""

from __future__ import annotations

from llmmonitor_cli.kubeconfig import NoCluster, namespace_of, speaking_to
from llmmonitor_cli.report.gathering.found import NoReport, is_of, material_of
from llmmonitor_cli.report.gathering.material import Material
from llmmonitor_operator.kube import paths
from llmmonitor_operator.kube.api import Kube
from llmmonitor_operator.kube.errors import ApiError, Forbidden, NotFound
from llmmonitor_operator.kube.raw import Raw
from llmmonitor_operator.reconcile.keep.checkpoints import LABEL


async def from_cluster(
    name: str, namespace: str | None, context: str | None, operator_namespace: str
) -> Material:
    """By the person's kubeconfig.

    Args:
        name: of the LLMMonitor.
        namespace: its namespace; the context's if None.
        context: of the kubeconfig; the current one if None.
        operator_namespace: where the operator runs; empty: looked for.

    Raises:
        NoReport: there is no usable kubeconfig, or as `from_kube`.
    """
    try:
        async with speaking_to(context) as kube:
            return await from_kube(kube, namespace or namespace_of(context), name, operator_namespace)
    except NoCluster as error:
        raise NoReport(f"{error}; give --context, or --from-checkpoint with what was saved of one") from error


async def from_kube(kube: Kube, namespace: str, name: str, operator_namespace: str = "") -> Material:
    """The same by a client.

    Raises:
        NoReport: nothing is kept of the monitor, or what is cannot be read, or the API server refuses.
    """
    title = f"LLMMonitor {namespace}/{name}"
    try:
        monitor = await _monitor(kube, namespace, name)
        uid = str(monitor["metadata"]["uid"]) if monitor is not None else ""
        return material_of(namespace, name, monitor, await _kept(kube, operator_namespace, uid, title))
    except ApiError as error:
        raise NoReport(f"{title}: {error}") from error


async def _monitor(kube: Kube, namespace: str, name: str) -> Raw | None:
    try:
        return await kube.get(paths.monitor(namespace, name))
    except NotFound:
        return None  # what was kept of it outlives it by seven days


async def _kept(kube: Kube, operator_namespace: str, uid: str, title: str) -> list[Raw]:
    try:
        listing = await kube.list_metadata(paths.config_maps(operator_namespace), label_selector=LABEL)
    except Forbidden as error:
        way_out = (
            "ask for the right to list and get ConfigMaps there"
            if operator_namespace
            else "say where the operator runs with --operator-namespace, or ask for that right"
        )
        raise NoReport(
            f"{title}: its history is in ConfigMaps of the operator's namespace, which may not be listed:"
            f" {error.message}; {way_out}"
        ) from error
    found: list[Raw] = []
    for metadata in (one["metadata"] for one in listing.items):
        if not is_of(metadata, uid, title.removeprefix("LLMMonitor ")):
            continue
        try:
            found.append(await kube.get(paths.config_map(metadata["namespace"], metadata["name"])))
        except NotFound:
            continue  # swept in between
    return found
