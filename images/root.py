"""Makes the root of an image: Python, the shared libraries that it and its packages need, and nothing else.

Runs while an image is built (`root.py ROOT PATH...`), with the Python that the image shall have, wherever its
base keeps it. What is not asked for does not come: no shell, no package manager, no compiler. Each file
brings the entry and the licence of its Debian package, so that scanners still see what is inside.
"""

from __future__ import annotations

import compileall
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

UID = 65532
_PASSWD = f"root:x:0:0:root:/:/none\nllm-monitor:x:{UID}:{UID}:llm-monitor:/:/none\n"
_GROUP = f"root:x:0:\nllm-monitor:x:{UID}:\n"
_NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\n"
_NOT_OF_THE_STANDARD_LIBRARY = (
    *("__pycache__", "EXTERNALLY-MANAGED", "config-*", "dist-packages", "ensurepip", "idlelib", "lib2to3"),
    *(
        "pydoc_data",
        "site-packages",
        "sitecustomize.py",
        "test",
        "tests",
        "tkinter",
        "turtle.py",
        "turtledemo",
    ),
    *("_ctypes_test*", "_test*", "_tkinter*", "xxlimited*", "xxsubtype*"),
)
_LOADED_BY_NAME = "libgcc_s.so.1"
"""glibc loads it when a thread is cancelled; no program says so."""
_LINK = re.compile(r"\s(/\S+) \(0x")
_COMMAND_SECONDS = 60


def main() -> None:
    """Fill ROOT with Python and what the shared objects below each PATH need."""
    root, paths = Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]]
    interpreter = Path(sys.base_prefix, "bin", "python3")
    library = Path(sysconfig.get_path("stdlib"))
    ignore = shutil.ignore_patterns(*_NOT_OF_THE_STANDARD_LIBRARY)
    shutil.copytree(library, inside(root, library), ignore=ignore, symlinks=True)
    objects = [interpreter, *shared_objects(inside(root, library)), *paths_of_objects(paths)]
    libraries = needed_by(objects)
    beside_libc = next(path.parent for path in libraries if path.name == "libc.so.6")
    files = [
        interpreter,
        *libraries,
        *(path for path in paths if path.is_file()),
        beside_libc / _LOADED_BY_NAME,
    ]
    copied = {library / "os.py", *(bring(root, path) for path in files)}
    describe(root, sorted(copied))
    write_accounts(root)
    index_libraries(root)
    compile_all(root, library)


def inside(root: Path, path: Path) -> Path:
    """Where an absolute path lies below `root`."""
    return root / path.relative_to("/")


def paths_of_objects(paths: Iterable[Path]) -> Iterator[Path]:
    """Each file itself, and the shared objects of each folder."""
    for path in paths:
        yield from [path] if path.is_file() else shared_objects(path)


def shared_objects(folder: Path) -> list[Path]:
    """The shared objects below a folder."""
    return sorted(path for path in folder.rglob("*.so*") if path.is_file())


def needed_by(objects: Iterable[Path]) -> set[Path]:
    """The system's libraries that `objects` link to, the dynamic linker included.

    Raises:
        SystemExit: one of them is not on this machine.
    """
    needed: set[Path] = set()
    for one in objects:
        said = _output(["ldd", str(one)])
        if "not found" in said:
            raise SystemExit(f"{one} needs a library that the base image lacks:\n{said}")
        needed.update(Path(path) for path in _LINK.findall(said))
    return {path for path in needed if path.parts[1] in {"lib", "lib64", "usr"}}


def bring(root: Path, path: Path) -> Path:
    """Copy a file with every link on its way; gives where it really lies."""
    place = Path("/")
    for index, part in enumerate(path.parts[1:], start=2):
        place /= part
        if place.is_symlink():
            link = inside(root, place)
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(place.readlink())
            target = (place.parent / place.readlink()).joinpath(*path.parts[index:])
            return bring(root, Path(_normal(target)))
    inside(root, place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(place, inside(root, place))
    return place


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts[1:]:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/" + "/".join(parts)


def describe(root: Path, files: Sequence[Path]) -> None:
    """Keep the entry (as distroless images do, one file each) and the licence of each file's package."""
    said = _output(["dpkg-query", "--search", *map(str, files)])
    for package in sorted({line.partition(": ")[0] for line in said.splitlines() if ": " in line}):
        name = package.partition(":")[0]
        entries, licence = root / "var/lib/dpkg/status.d", Path("/usr/share/doc", name, "copyright")
        entries.mkdir(parents=True, exist_ok=True)
        (entries / name).write_text(_output(["dpkg-query", "--status", package]), encoding="utf-8")
        if licence.exists():
            bring(root, licence)


def write_accounts(root: Path) -> None:
    """Users, and how names are looked up."""
    for name, text in (("passwd", _PASSWD), ("group", _GROUP), ("nsswitch.conf", _NSSWITCH)):
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc" / name).write_text(text, encoding="utf-8")
    (root / "tmp").mkdir(mode=0o777)
    (root / "tmp").chmod(0o1777)


def index_libraries(root: Path) -> None:
    """Let the dynamic linker find libraries in /usr/local too."""
    (root / "etc/ld.so.conf").write_text("/usr/local/lib\n", encoding="utf-8")
    subprocess.run(["ldconfig", "-r", root], check=True, timeout=_COMMAND_SECONDS)  # noqa: S603, S607


def compile_all(root: Path, library: Path) -> None:
    """Compile the standard library, never to be checked: an image's files may have any time."""
    never = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(
        inside(root, library), quiet=1, stripdir=str(root), invalidation_mode=never
    ):
        raise SystemExit("the standard library does not compile")


def _output(command: Sequence[str]) -> str:
    """What a command prints; some fail for a part of what they are asked, and answer for the rest."""
    done = subprocess.run(  # noqa: S603 - fixed programs of the base image
        command, capture_output=True, text=True, check=False, timeout=_COMMAND_SECONDS
    )
    return done.stdout


if __name__ == "__main__":
    main()
