"""buildah pushes to a registry that is as small as one can be, and the digest is the one it has there."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from images import tools

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not shutil.which("buildah"), reason="!!! NOT TESTED: pushing, for want of buildah"),
]


class OnNothing(tools.Buildah):
    """Builds without a base."""

    def base(self, *, renew: bool = False) -> str:
        return f"none{renew or ''}"


class Registry(BaseHTTPRequestHandler):
    """Takes blobs and manifests (OCI distribution: uploads in one or many pieces) and remembers manifests."""

    protocol_version = "HTTP/1.1"
    manifests: dict[str, str]
    blobs: dict[str, bytes]

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        known = self.path.rpartition("/")[2] in self.blobs
        self._answer(200 if known else 404)

    def do_POST(self) -> None:
        self._answer(202, location=self.path + "one")

    def do_PATCH(self) -> None:
        self.blobs[""] = self._body()
        self._answer(202, location=self.path)

    def do_PUT(self) -> None:
        body = self._body()
        if "/manifests/" in self.path:
            digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
            self.manifests[self.path.removeprefix("/v2/").replace("/manifests/", ":")] = digest
        else:
            digest = self.path.partition("digest=")[2].replace("%3A", ":")
            self.blobs[digest] = self.blobs.pop("", b"") + body
        self._answer(201, **{"docker-content-digest": digest})

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", "0")))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def registry() -> Iterator[tuple[str, dict[str, str]]]:
    """Its address, and the digests of what was pushed, by NAME:TAG."""
    manifests: dict[str, str] = {}
    handler = type("Handler", (Registry,), {"manifests": manifests, "blobs": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", manifests
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_pushed_image_has_the_digest_that_is_printed_and_older_ones_are_removed(
    tmp_path: Path, registry: tuple[str, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, manifests = registry
    insecure = tmp_path / "registries.conf"
    insecure.write_text(f'[[registry]]\nlocation = "{address}"\ninsecure = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(insecure))
    (tmp_path / "Dockerfile").write_text("ARG BASE\nFROM scratch\nCOPY requirements/build.txt /\n")
    tool = OnNothing("", tmp_path)

    for tag in ("1", "2"):
        tool.build(str(tmp_path / "Dockerfile"), f"localhost/thing:{tag}", {}, tmp_path / f"{tag}.tar")
        tool.tidy(f"localhost/thing:{tag}")
    digest = tool.push(tmp_path / "2.tar", f"{address}/llm/thing:2")

    assert manifests == {"llm/thing:2": digest}
    assert re.fullmatch("sha256:[0-9a-f]{64}", digest)
    assert set(tool.images()) == {"localhost/thing:2"}
