from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Literal

from images.build import Built
from images.table import OPERATOR


def tar_of(files: dict[str, bytes], mode: Literal["w", "w:gz"] = "w") -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode=mode) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return written.getvalue()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_later_layers_win_compressed_or_not(tmp_path: Path) -> None:
    layers = [tar_of({"bin/a": b"first", "bin/b": b"kept"}), tar_of({"bin/a": b"second"}, "w:gz")]
    manifest = json.dumps({"layers": [{"digest": digest_of(one)} for one in layers]}).encode()
    index = json.dumps({"manifests": [{"digest": digest_of(manifest)}]}).encode()
    blobs = {f"blobs/sha256/{hashlib.sha256(one).hexdigest()}": one for one in (*layers, manifest)}
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar_of({"index.json": index, **blobs}))

    Built(OPERATOR, "tag", archive).unpack(tmp_path / "files")

    assert (tmp_path / "files" / "bin" / "a").read_bytes() == b"second"
    assert (tmp_path / "files" / "bin" / "b").read_bytes() == b"kept"
