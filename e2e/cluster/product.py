"""Builds the product's images and the tests' model, and gives them to the nodes of the cluster under test.

On our own nodes they are imported under their digest, as a registry would hand them out. On someone's own
cluster either E2E_REGISTRY names a registry that its nodes pull from, or E2E_LOAD_IMAGE a command that takes
an archive (`kind load image-archive`); then they are known by their tag, which is a hash of their sources.
"""

# ruff: noqa: T201 - a program that people run: it says what it does

from __future__ import annotations

import fcntl
import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from e2e.cluster import containerd, images
from e2e.cluster.errors import ClusterFailed, ClusterUnavailable
from e2e.cluster.layout import Layout
from images import tools
from images.build import Built, build, cache_folder
from images.table import MODEL, PRODUCT, ROOT

_TIMEOUT_SECONDS = 600
_REGISTRY, _LOAD = "E2E_REGISTRY", "E2E_LOAD_IMAGE"

References = dict[str, str]
"""What a pod's manifest says, by the image's name (`llm-monitor-operator`, …)."""


def load(layout: Layout) -> References:
    """Build what has changed, and import it into every node of our own cluster.

    Raises:
        ClusterUnavailable: nothing here can build images.
        ClusterFailed: a build or an import failed.
    """
    return _given_to_nodes(lambda built, _: _import(layout, built))


def load_elsewhere(environment: Mapping[str, str] = os.environ) -> References:
    """The same for someone's own cluster.

    Raises:
        ClusterUnavailable: neither of the two variables is set, or nothing here can build images.
        ClusterFailed: a build, a push or the given command failed.
    """
    registry, command = environment.get(_REGISTRY, ""), environment.get(_LOAD, "")
    if registry:
        return _given_to_nodes(lambda built, tool: _push(registry.rstrip("/"), built, tool))
    if command:
        _hand_over_tools(shlex.split(command))
        return _given_to_nodes(lambda built, _: _hand_over(shlex.split(command), built))
    raise ClusterUnavailable(
        f"{_REGISTRY} (registry.example/folder) or {_LOAD} ('kind load image-archive') must say how images"
        " get to the nodes of E2E_KUBECONFIG's cluster"
    )


def _given_to_nodes(give: Callable[[Built, tools.Tool], str]) -> References:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with (folder / "giving.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # tests that run beside one another; not `build`'s own
            return _built_and_given(give, folder)
    except subprocess.SubprocessError as error:
        raise ClusterFailed(f"images: {error}; what the tool said stands above") from error


def builder() -> tools.Tool:
    """What builds images here, installed where that is possible.

    Raises:
        ClusterUnavailable: there is nothing.
    """
    subprocess.run([str(ROOT / "images" / "install-builder")], check=True, timeout=_TIMEOUT_SECONDS)
    tool = tools.find(cache_folder())
    if tool is None:
        raise ClusterUnavailable("neither docker (with its daemon) nor buildah is here to build images")
    return tool


def _built_and_given(give: Callable[[Built, tools.Tool], str], folder: Path) -> References:
    tool = builder()
    references: References = {}
    for image in (*PRODUCT, MODEL):
        began = time.monotonic()
        [built] = build([image], tool, folder)
        there = time.monotonic()
        references[image.name] = give(built, tool)
        times = f"built in {there - began:.0f} s, on the nodes after {time.monotonic() - there:.0f} s"
        print(f"image {image.name}: {built.size}, {times}", flush=True)
    return references


def _import(layout: Layout, built: Built) -> str:
    reference = f"{built.repository}@{built.digest}"
    for node in layout.nodes():
        names = _output(containerd.ctr(layout, node, "images", "list", "--quiet")).split()
        if reference not in names:
            named = ("--digests", f"--base-name={built.repository}")
            _output(containerd.ctr(layout, node, "images", "import", *named, built.archive))
    return reference


def _push(registry: str, built: Built, tool: tools.Tool) -> str:
    repository = f"{registry}/{built.image.name}"
    return f"{repository}@{tool.push(built.archive, f'{repository}:{built.tag}')}"


def _hand_over(command: Sequence[str], built: Built) -> str:
    _output([*command, str(built.archive)])
    return f"{built.repository}:{built.tag}"


def _hand_over_tools(command: Sequence[str]) -> None:
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        file.write(images.archive(images.tools()))
        file.flush()
        _output([*command, file.name])


def _output(command: Sequence[str]) -> str:
    return subprocess.run(
        command, stdout=subprocess.PIPE, text=True, timeout=_TIMEOUT_SECONDS, check=True
    ).stdout
