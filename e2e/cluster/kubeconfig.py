"""Kubeconfig files, with the certificates inside, so that a file can be copied away by itself."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from e2e.cluster.pki import Certificate


def write(path: Path, url: str, authority: Path, client: Certificate) -> Path:
    """Write a kubeconfig (as JSON, which is YAML) for `client` to `path`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "e2e", "cluster": {"server": url, "certificate-authority-data": _encoded(authority)}}
        ],
        "users": [
            {
                "name": path.name,
                "user": {
                    "client-certificate-data": _encoded(client.certificate),
                    "client-key-data": _encoded(client.key),
                },
            }
        ],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": path.name}}],
        "current-context": "e2e",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    return path


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
