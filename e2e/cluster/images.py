"""Container images of one layer, written by hand and imported into the nodes: no registry, no build tool.

`pause` holds a pod's namespaces (every sandbox needs it); `tools` is a shell with httpd and wget, for pods
that serve and ask. Both are static programs from Debian packages. The product's images are built apart.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from e2e.cluster import containerd, packages
from e2e.cluster.errors import ClusterUnavailable
from e2e.cluster.layout import Layout, Node

TOOLS_IMAGE = "localhost/llm-monitor-e2e/tools:1"
_IMPORT_TIMEOUT_SECONDS = 120
_APPLETS = ("sh", "httpd", "wget", "sleep", "cat", "echo", "ip", "nc")


@dataclass(frozen=True, slots=True)
class Image:
    """An image of one layer: `programs` by their path in it, `links` from path to target."""

    name: str
    entrypoint: Sequence[str]
    programs: Mapping[str, Path]
    links: Mapping[str, str] = field(default_factory=dict)


def all_images() -> list[Image]:
    """The images that every node gets."""
    pause = packages.program_path("catatonit")
    assert pause, "packages.ensure() would have brought it"
    return [Image(containerd.PAUSE_IMAGE, ["/pause", "-P"], {"pause": pause}), tools()]


def tools() -> Image:
    """A shell with httpd and wget."""
    busybox = packages.program_path("busybox")
    if not busybox:
        raise ClusterUnavailable("busybox is missing: install busybox-static")
    links = {f"bin/{applet}": "busybox" for applet in _APPLETS}
    return Image(TOOLS_IMAGE, ["/bin/sh"], {"bin/busybox": busybox}, links)


def import_into(layout: Layout, node: Node, images: Sequence[Image]) -> None:
    """Give the node these images, under their names."""
    for image in images:
        subprocess.run(
            containerd.ctr(layout, node, "images", "import", "-"),
            input=archive(image),
            stdout=subprocess.DEVNULL,
            timeout=_IMPORT_TIMEOUT_SECONDS,
            check=True,
        )


def archive(image: Image) -> bytes:
    """The image as `docker save` writes it: manifest.json, a configuration and one layer."""
    layer = _tar({path: program.read_bytes() for path, program in image.programs.items()}, image.links)
    configuration = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Entrypoint": list(image.entrypoint), "Env": ["PATH=/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [image.name], "Layers": ["layer.tar"]}]
    return _tar({"manifest.json": json.dumps(manifest).encode(), name: configuration, "layer.tar": layer}, {})


def _tar(files: Mapping[str, bytes], links: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.mode, entry.size = 0o755, len(content)
            tar.addfile(entry, io.BytesIO(content))
        for path, target in links.items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()
