"""The images as a node runs them: Python and our code, compiled; no shell, no pip, nothing that writes."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from e2e.kubectl import Kubectl
from e2e.waiting import until

LOOK = """
import importlib.util, json, os, pathlib, pkgutil, sys
folders = [os.environ["PATH"], "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin"]
programs = {os.path.realpath(f"{f}/{n}") for f in folders if os.path.isdir(f) for n in os.listdir(f)}
packages = [p for f in sys.path if f.endswith("site-packages") for p in os.listdir(f)]
broken = []
for name in sorted(p for p in packages if p.startswith("llmmonitor_") and "." not in p):
    for module in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
        if not module.name.endswith("__main__"):
            try: importlib.import_module(module.name)
            except Exception as error: broken.append(f"{module.name}: {error!r}")
modules = [m for m in list(sys.modules.values()) if (getattr(m, "__file__", None) or "").endswith(".py")]
compiled = {m.__name__: pathlib.Path(importlib.util.cache_from_source(m.__file__)) for m in modules}
uncompiled = [name for name, path in compiled.items() if not path.exists()]
stale = [name for name, path in compiled.items() if path.exists() and path.read_bytes()[4] != 1]
try: pathlib.Path("/x").write_text(""); writable = True
except OSError: writable = False
print(json.dumps(dict(programs=sorted(programs), packages=sorted(packages), broken=broken, stale=stale,
    uncompiled=uncompiled, writable=writable, uid=os.getuid(), tmp=oct(os.stat("/tmp").st_mode & 0o7777))))
"""
OURS = ("llm-monitor-operator", "llm-monitor-sidecar")
NEVER_IN_THE_SIDECAR = {"kopf", "kubernetes", "requests", "yaml"}
BUILD_TOOLS = {"pip", "setuptools", "hatchling", "wheel", "ensurepip"}


def seen(namespace: Kubectl, image: str) -> dict[str, Any]:
    """What Python finds in a container of the image, under the strictest rules that a pod can have."""
    name = f"look-{secrets.token_hex(3)}"
    container = {
        "name": "look",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/opt/llm-monitor/bin/python", "-c", LOOK],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    namespace.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {"containers": [container], "restartPolicy": "Never"},
        }
    )
    until(lambda: phase(namespace, name) in {"Succeeded", "Failed"}, f"pod {name} has ended", 300)
    assert phase(namespace, name) == "Succeeded", namespace("logs", name)
    return dict(json.loads(namespace("logs", name)))


def phase(namespace: Kubectl, pod: str) -> str:
    return str(namespace.get(f"pod/{pod}")["status"].get("phase"))


@pytest.mark.parametrize("name", OURS)
def test_an_image(namespace: Kubectl, images: dict[str, str], name: str) -> None:
    found = seen(namespace, images[name])

    assert {path.rpartition("/")[2] for path in found["programs"]} == {"python3.13", name}
    assert not BUILD_TOOLS & set(found["packages"])
    assert found["broken"] == []
    assert (found["uncompiled"], found["stale"]) == ([], [])
    assert (found["uid"], found["writable"], found["tmp"]) == (65532, False, "0o1777")
    if name == "llm-monitor-sidecar":
        assert not NEVER_IN_THE_SIDECAR & set(found["packages"])
