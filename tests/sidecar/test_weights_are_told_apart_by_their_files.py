from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from llmmonitor_sidecar.samplers.model_process import ModelHint
from llmmonitor_sidecar.samplers.process_sampler import ProcessSampler
from llmmonitor_sidecar.samplers.weight_files import FILES_LIMIT, LOOK_SECONDS, PIECES, WeightFiles

SECOND = 10**9
LOOK = round(LOOK_SECONDS * SECOND)
MAPS = "import mmap,sys,signal; f=open(sys.argv[1],'rb'); m=mmap.mmap(f.fileno(),0,access=1); f.close()"
WAITS = "print('ready', flush=True); signal.pause()"


@contextmanager
def running(program: str, *arguments: str) -> Iterator[psutil.Process]:
    command = [sys.executable, "-S", "-c", f"{program}\n{WAITS}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield psutil.Process(process.pid)
        finally:
            process.kill()


def weights(path: Path, seed: bytes, size: int = 300_000) -> str:
    """Of that size, and different everywhere from those of another seed."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes((seed * (size // len(seed) + 1))[:size])
    return str(path)


def looked(files: WeightFiles, process: psutil.Process, looks: int = 3, begin: int = 0) -> str:
    for look in range(begin, begin + looks):
        for call in range(1 + PIECES // 8):
            files.step([process], look * LOOK + call)
    return files.identity


def test_a_file_that_the_model_has_mapped_is_known_by_a_sample_of_it(tmp_path: Path) -> None:
    path = weights(tmp_path / "model.gguf", b"weights of a model")

    with running(MAPS, path) as process:
        identity = looked(WeightFiles(), process)

    assert identity.startswith("1 file of 300000 bytes, sample ")


def test_other_weights_of_the_same_size_and_name_have_another_identity(tmp_path: Path) -> None:
    found: list[str] = []
    for folder, seed in (
        ("a", b"weights of a model"),
        ("b", b"weights of another"),
        ("c", b"weights of a model"),
    ):
        path = weights(tmp_path / folder / "model.gguf", seed)
        os.utime(path, (1, len(found)))
        with running(MAPS, path) as process:
            found.append(looked(WeightFiles(), process))

    assert found[0] != found[1]
    assert found[0] == found[2], "the same, wherever they are and whenever they came"


def test_a_directory_of_the_command_line_counts_with_all_its_weights(tmp_path: Path) -> None:
    for shard in range(3):
        weights(tmp_path / "model" / f"model-{shard}.safetensors", b"shard %d" % shard)
    (tmp_path / "model" / "config.json").write_text("{}")

    with running("import signal", "--model", str(tmp_path / "model")) as process:
        identity = looked(WeightFiles(), process)

    assert identity.startswith("3 files of 900000 bytes")


def test_a_file_that_is_replaced_while_it_is_served_changes_nothing_until_it_is_loaded(
    tmp_path: Path,
) -> None:
    path = weights(tmp_path / "model.gguf", b"weights of a model")
    files = WeightFiles()

    with running(MAPS, path) as process:
        before = looked(files, process)
        weights(tmp_path / "new", b"weights of another")
        (tmp_path / "new").replace(path)
        after = looked(files, process, begin=3)

    assert before
    assert after == before


def test_what_is_looked_at_once_while_it_loads_does_not_count(tmp_path: Path) -> None:
    path = weights(tmp_path / "model.gguf", b"weights of a model")

    with running(MAPS, path) as process:
        assert looked(WeightFiles(), process, looks=1) == ""


def test_more_files_than_are_looked_at_are_not_known(tmp_path: Path) -> None:
    for number in range(FILES_LIMIT + 1):
        weights(tmp_path / "model" / f"{number}.pt", b"x", 8)

    with running("import signal", str(tmp_path / "model")) as process:
        assert looked(WeightFiles(), process) == ""


def test_hashing_is_spread_over_many_calls_and_reaches_the_last_bytes(tmp_path: Path) -> None:
    path, found = tmp_path / "model.gguf", list[tuple[str, int]]()
    for end in (b"a", b"b"):
        weights(path, b"weights of a model", 4_000_000)
        path.write_bytes(path.read_bytes()[:-1] + end)
        files, calls = WeightFiles(), 0
        with running(MAPS, str(path)) as process:
            files.step([process], 0)
            files.step([process], LOOK)
            while not files.identity:
                files.step([process], LOOK + calls)
                calls += 1
        found.append((files.identity, calls))

    assert found[0][0] != found[1][0]
    assert {calls for _, calls in found} == {PIECES // 8 + 1}


def test_a_sample_of_the_models_processes_says_it_and_another_process_begins_anew(tmp_path: Path) -> None:
    mark = f"weights-of-{os.getpid()}"
    sampler = ProcessSampler(ModelHint(command_part=mark), lambda: ())
    said = []
    for number, seed in enumerate((b"weights of a model", b"weights of another")):
        path = weights(tmp_path / "model.gguf", seed)
        with running(MAPS, path, mark):
            at = (1 + number * 500) * SECOND
            said.append(sampler.sample(at).weight_files)
            for second in range(1, 120):
                last = sampler.sample(at + second * SECOND)
            said.append(last.weight_files)

    assert said[0] == said[2] == ""
    assert said[1].startswith("1 file of 300000 bytes")
    assert said[3].startswith("1 file of 300000 bytes")
    assert said[1] != said[3]
