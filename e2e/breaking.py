"""Breaks parts of the release on purpose: kills or halts a container's process, spoils an image on a node.

On the tests' own cluster by containerd, so that nothing is told before. On someone's own cluster a kill is a
forced deletion of the pod, and what needs the node is not tested.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from e2e.cluster import containerd
from e2e.cluster.images import TOOLS_IMAGE
from e2e.cluster.layout import Layout, Node
from e2e.kubectl import Kubectl

_TIMEOUT_SECONDS = 120

Pod = Mapping[str, Any]


def kill(namespace: Kubectl, pod: Pod, container: str = "") -> None:
    """`kill -9` of the pod's container of this name; of the first one unless said."""
    if os.environ.get("E2E_KUBECONFIG"):
        delete_now(namespace, pod)
    else:
        _task(pod, "kill", "--signal=SIGKILL", container=container)


def delete_now(namespace: Kubectl, pod: Pod) -> None:
    """As when its node is gone: nobody waits for it to end."""
    name = pod["metadata"]["name"]
    namespace("delete", f"pod/{name}", "--grace-period=0", "--force", "--ignore-not-found", "--wait=false")


@contextmanager
def halted(pods: Sequence[Pod]) -> Iterator[None]:
    """Their first containers get no CPU: what they listen on still takes connections, and nothing answers."""
    needs_the_nodes()
    with ExitStack() as paused:
        for pod in pods:
            _task(pod, "pause")
            paused.callback(_task, pod, "resume")
        yield


@contextmanager
def without_image(reference: str, node: Node) -> Iterator[None]:
    """The node does not have the image, under whatever name; afterwards it is copied from the first node.

    Containers that run from it run on.
    """
    needs_the_nodes()
    layout = Layout.from_environment()
    names = _names_of(layout, node, reference)
    _output(containerd.ctr(layout, node, "images", "remove", "--sync", *names))
    try:
        yield
    finally:
        archive = _output(containerd.ctr(layout, Node(1), "images", "export", "-", reference))
        named = ("--digests", f"--base-name={reference.partition('@')[0]}")
        _output(containerd.ctr(layout, node, "images", "import", *named, "-"), archive)
        assert reference in {*_names_of(layout, node, reference)}, f"{node.name} did not get {reference} back"


@contextmanager
def with_image_spoilt(reference: str, node: Node) -> Iterator[None]:
    """Under the image's name the node has another one, whose program ends at once."""
    layout = Layout.from_environment()
    with without_image(reference, node):
        _output(containerd.ctr(layout, node, "images", "tag", TOOLS_IMAGE, reference))
        try:
            yield
        finally:
            _output(containerd.ctr(layout, node, "images", "remove", "--sync", reference))


@contextmanager
def also_named(reference: str, name: str) -> Iterator[None]:
    """Every node knows the image by a second name too, which is another image to whoever goes by names.

    It stays by its digest in containers that run from it.
    """
    needs_the_nodes()
    layout = Layout.from_environment()
    for node in layout.nodes():
        _output(containerd.ctr(layout, node, "images", "tag", "--force", reference, name))
    try:
        yield
    finally:
        for node in layout.nodes():
            _output(containerd.ctr(layout, node, "images", "remove", "--sync", name))


def needs_the_nodes() -> None:
    """Skip where they are not ours."""
    if os.environ.get("E2E_KUBECONFIG"):
        pytest.skip("!!! NOT TESTED on this cluster: needs containerd of its nodes")


def _task(pod: Pod, action: str, *options: str, container: str = "") -> None:
    kinds = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
    statuses = [one for kind in kinds for one in pod["status"].get(kind) or ()]
    status = next(one for one in statuses if container in {"", one["name"]})
    identity = status["containerID"].removeprefix("containerd://")
    node = Node(int(pod["spec"]["nodeName"].rpartition("-")[2]))
    _output(containerd.ctr(Layout.from_environment(), node, "tasks", action, *options, identity))


def _names_of(layout: Layout, node: Node, reference: str) -> list[str]:
    lines = _output(containerd.ctr(layout, node, "images", "list")).decode().splitlines()[1:]
    digests = {columns[0]: columns[2] for columns in map(str.split, lines)}
    wanted = digests.get(reference)
    return [name for name, digest in digests.items() if digest == wanted]


def _output(command: Sequence[str], given: bytes | None = None) -> bytes:
    done = subprocess.run(command, input=given, capture_output=True, timeout=_TIMEOUT_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.decode()}"
    return done.stdout
