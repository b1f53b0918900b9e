"""Tags, secrets and digests: what `make images` decides without building anything."""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path

import pytest
from images import base, pip_settings, table, tools
from images.build import Built, build
from images.table import Image


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of two files."""
    monkeypatch.setattr(table, "ROOT", tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("1")
    return tmp_path


IMAGE = Image("thing", "Dockerfile", ("src",))


def test_another_content_another_name_and_another_base_make_another_tag(source: Path) -> None:
    before = IMAGE.tag("base")

    assert IMAGE.tag("base") == before
    assert IMAGE.tag("other base") != before
    (source / "src" / "main.py").write_text("2")
    changed = IMAGE.tag("base")
    (source / "src" / "main.py").rename(source / "src" / "other.py")
    assert len({before, changed, IMAGE.tag("base")}) == 3


def test_what_python_leaves_behind_changes_nothing(source: Path) -> None:
    before = IMAGE.tag("base")

    (source / "src" / "__pycache__").mkdir()
    (source / "src" / "__pycache__" / "main.cpython-313.pyc").write_bytes(b"x")

    assert IMAGE.tag("base") == before


class Recorder:
    """A tool that writes archives of one image and remembers what it was asked."""

    def __init__(self, layer: str = "tar+gzip") -> None:
        self.references: list[str] = []
        self.tidied: list[str] = []
        self.bases = 1
        self._layer = layer

    def base(self, *, renew: bool = False) -> str:
        self.bases += renew
        return f"base {self.bases}"

    def build(self, _dockerfile: str, reference: str, _secrets: object, archive: Path) -> None:
        self.references.append(reference)
        layer = {"mediaType": f"application/vnd.oci.image.layer.v1.{self._layer}", "size": 2_000_000}
        manifest = json.dumps({"layers": [layer, layer]}).encode()
        name = hashlib.sha256(reference.encode()).hexdigest()
        index = json.dumps({"manifests": [{"digest": f"sha256:{name}"}]}).encode()
        with tarfile.open(archive, "w") as tar:
            for path, content in (("index.json", index), (f"blobs/sha256/{name}", manifest)):
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))

    def push(self, _archive: Path, reference: str) -> str:
        raise AssertionError(reference)

    def tidy(self, reference: str) -> None:
        self.tidied.append(reference)


@pytest.mark.usefixtures("source")
def test_only_what_has_changed_is_built_and_its_digest_is_read_from_the_archive(
    source: Path, tmp_path: Path
) -> None:
    tool, cache = Recorder(), tmp_path / "cache"

    [first] = build([IMAGE], tool, cache)
    [again] = build([IMAGE], tool, cache)
    (source / "src" / "main.py").write_text("2")
    [changed] = build([IMAGE], tool, cache)

    built = [f"localhost/thing:{one.tag}" for one in (first, changed)]
    assert first == again
    assert tool.references == tool.tidied == built
    assert changed.digest == f"sha256:{hashlib.sha256(built[1].encode()).hexdigest()}"
    assert isinstance(first, Built)
    assert first.archive.exists()


@pytest.mark.usefixtures("source")
def test_a_base_that_is_another_after_it_was_renewed_makes_another_image(tmp_path: Path) -> None:
    tool = Recorder()

    [before] = build([IMAGE], tool, tmp_path / "cache")
    [renewed] = build([IMAGE], tool, tmp_path / "cache", renew=True)

    assert before.tag != renewed.tag
    assert len(tool.references) == 2


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(("layer", "words"), [("tar+gzip", "4 MB compressed"), ("tar", "4 MB uncompressed")])
def test_a_size_says_whether_it_is_what_a_node_pulls(tmp_path: Path, layer: str, words: str) -> None:
    [built] = build([IMAGE], Recorder(layer), tmp_path / "cache")

    assert built.size == words


def test_a_base_is_named_by_the_versions_of_its_packages(tmp_path: Path) -> None:
    def status(version: str, arrived: str) -> Path:
        texts = [
            f"Package: python3\nStatus: {arrived}\nArchitecture: amd64\nVersion: {version}\n",
            "Package: libc6\nVersion: 2.41-12\nDescription: C\n",
        ]
        content = "\n".join(texts).encode()
        tar = tmp_path / f"{version}-{arrived}.tar"
        with tarfile.open(tar, "w") as files:
            entry = tarfile.TarInfo("./var/lib/dpkg/status")
            entry.size = len(content)
            files.addfile(entry, io.BytesIO(content))
        return tar

    old = base.versions(status("3.13.5-2", "installed"))

    assert old == base.versions(status("3.13.5-2", "installed-again"))
    assert old != base.versions(status("3.13.5-2+deb13u1", "installed"))


def test_pips_certificates_travel_beside_its_settings_and_paths_of_this_machine_do_not(
    tmp_path: Path,
) -> None:
    authority = tmp_path / "authority.pem"
    authority.write_text("certificate")
    found = {"index-url": "https://index.example/simple", "cert": str(authority), "find-links": "/wheels"}

    secrets = pip_settings.secrets(tmp_path, found)

    assert secrets["ca.pem"] == authority
    assert secrets["pip.conf"].read_text() == (
        "[global]\nindex-url = https://index.example/simple\ncert = /run/secrets/ca.pem\n\n"
    )
    assert secrets["pip.conf"].stat().st_mode & 0o077 == 0


def test_the_environment_says_which_tool_and_which_base(tmp_path: Path) -> None:
    chosen = tools.find(tmp_path, {"IMAGE_TOOL": "docker", "BASE": "registry.example/python:3.13"})

    assert chosen == tools.Docker("registry.example/python:3.13")


def test_every_source_of_every_image_is_there_and_in_the_build_context() -> None:
    lines = (table.ROOT / ".dockerignore").read_text().splitlines()
    kept = [line.removeprefix("!") for line in lines if line.startswith("!")]

    for image in (*table.PRODUCT, table.MODEL):
        dockerfile = (table.ROOT / image.dockerfile).read_text()
        for place in image.sources:
            assert (table.ROOT / place).exists()
        for copied in copied_by(dockerfile):
            covered = [one for one in image.sources if one == copied or one.startswith(f"{copied}/")]
            assert covered, f"{image.dockerfile} copies {copied}: add it to the sources in images/table.py"
            found = [one for one in kept if one.startswith(f"{copied}/") or fnmatch.fnmatch(copied, one)]
            assert found, f"{image.dockerfile} copies {copied}: .dockerignore keeps it out"


def test_docker_builds_on_what_the_dockerfiles_name() -> None:
    for image in (*table.PRODUCT, table.MODEL):
        assert f"ARG BASE={tools.DEFAULT_BASE}\n" in (table.ROOT / image.dockerfile).read_text()


def test_the_two_dockerfiles_differ_only_in_what_a_sidecar_needs_more() -> None:
    """Docker has no way to share lines that would not make building by hand worse; so they are compared."""
    operator, sidecar = (
        [
            line.replace("operator", "MEMBER").replace("sidecar", "MEMBER")
            for line in (table.ROOT / member / "Dockerfile").read_text().splitlines()[1:]
        ]
        for member in ("operator", "sidecar")
    )

    differing = [line for line in difflib.ndiff(operator, sidecar) if line[0] in "+-"]

    assert [line for line in differing if not SIDECARS_OWN.search(line)] == []


SIDECARS_OWN = re.compile(r"images/root\.py|libnftables|Transparent mode alone")


def copied_by(dockerfile: str) -> list[str]:
    """What a Dockerfile copies from the repository."""
    lines = [line.split() for line in dockerfile.splitlines() if line.startswith("COPY ")]
    return [source for line in lines if not line[1].startswith("--from") for source in line[1:-1]]
