from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.sidecar.gpu.asked import Asked, Driver, Forked, Template

SOURCE = Path(__file__).with_name("fake_nvml.c")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake libnvidia-ml.so.1."""
    compiler = shutil.which("cc")
    if compiler is None:
        assert not os.environ.get("CI"), "no cc: see tests/install-system-packages"
        pytest.skip("!!! NOT TESTED: GPUs, no C compiler; see tests/install-system-packages")
    made = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{made.name}"]
    subprocess.run([compiler, *flags, "-o", made, SOURCE], check=True, timeout=60)
    return made


@pytest.fixture
def driver(library: Path, tmp_path: Path) -> Driver:
    return Driver(library, tmp_path / "driver")


@pytest.fixture(scope="session")
def template(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Template]:
    one = Template(library, tmp_path_factory.mktemp("template"))
    yield one
    one.end()


@pytest.fixture
def ask(driver: Driver, template: Template) -> Iterator[Callable[..., Asked]]:
    """Start a process that samples: by default with the fake driver, in a pod that says nothing."""
    started: list[Asked] = []

    def start_one(requested: int | None = None, environment: dict[str, str] | None = None) -> Asked:
        started.append(
            Forked(template, driver.script, requested)
            if environment is None
            else Asked(environment, requested)
        )
        return started[-1]

    yield start_one
    for one in started:
        one.end()
