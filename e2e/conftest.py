"""The cluster under test: someone's own (E2E_KUBECONFIG), the one that is up, or one for this session."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from e2e import chat, diagnosis, own_cluster, small_models
from e2e.cluster import binaries, running
from e2e.cluster import product as product_images
from e2e.cluster.errors import ClusterUnavailable
from e2e.cluster.layout import Layout
from e2e.definition import definition, establish
from e2e.helm import Helm
from e2e.installed import KEEP, RELEASE, Installed, installed
from e2e.kubectl import Kubectl
from e2e.lanes import BESIDE, Lane, keep
from e2e.prometheus import Prometheus, scraping
from e2e.waiting import until

ROOT = Path(__file__).parents[1]
LONG = {ROOT / "e2e" / "faults", ROOT / "e2e" / "long"}
"""Folders of tests that take minutes each: `make test-long`."""
_TEST_SECONDS = 600
"""Generous: two cores may run the tests, the cluster, the model and its clients."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lane", choices=[*Lane], help="run only these tests: see e2e/__main__.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    beside = keep(config.getoption("--lane"), items)
    config.stash[BESIDE] = frozenset(item.path for item in beside)
    config.hook.pytest_deselected(items=beside)
    for item in items:  # the first test's set-up may build Kubernetes: only the test itself is timed
        asked = item.get_closest_marker("timeout")
        seconds = asked.args[0] if asked else _TEST_SECONDS
        item.add_marker(pytest.mark.timeout(seconds, func_only=True), append=False)
        if LONG.intersection(item.path.parents):
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: [item.get_closest_marker(late) is not None for late in ("last", "busy")])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows what a person would look at next."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    cluster = fixtures.get("cluster")
    if report.failed and report.when != "teardown" and cluster:
        own = {one.namespace for one in fixtures.values() if isinstance(one, Kubectl) and one.namespace}
        release = {RELEASE} if "product" in fixtures else set()
        report.sections.append(("the cluster", diagnosis.of(cluster, sorted(own | release))))
    return report


@contextmanager
def _skipping(how: str) -> Iterator[None]:
    """Skip, loudly, what this machine can't have; with CI=true that is a failure."""
    try:
        yield
    except ClusterUnavailable as unavailable:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"!!! NOT TESTED {how}: {unavailable}")


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl on a cluster whose nodes are ready; without one, tests are skipped (with CI=true they fail)."""
    if given := os.environ.get("E2E_KUBECONFIG"):
        program = shutil.which("kubectl") or str(Layout.from_environment().built_binaries / "kubectl")
        yield Kubectl([program, f"--kubeconfig={given}"])
        return
    layout = Layout.from_environment()
    if running.is_up(layout):
        yield Kubectl(running.kubectl(layout))
        return
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        failed = own_cluster.put_up()
    if failed == own_cluster.UNAVAILABLE and os.environ.get("CI") != "true":
        pytest.skip("!!! NOT TESTED on a real cluster: this machine can't have one; the reason stands above")
    assert not failed, "the test cluster did not start; the reason stands above"
    yield Kubectl(running.kubectl(layout))
    running.down(layout)


@pytest.fixture(scope="session")
def monitors(cluster: Kubectl) -> Kubectl:
    """A cluster that knows LLMMonitors."""
    establish(cluster, definition())
    return cluster


@pytest.fixture
def namespace(cluster: Kubectl) -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own."""
    name = f"e2e-{secrets.token_hex(4)}"
    cluster("create", "namespace", name)
    yield cluster.within(name)
    cluster("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def helm(cluster: Kubectl) -> Helm:
    """helm on the cluster."""
    with _skipping("with Helm 4"):
        program = binaries.helm(Layout.from_environment())
    *before, _kubectl, kubeconfig = cluster.command
    return Helm(str(program), (kubeconfig,), before)


@pytest.fixture(scope="session")
def helms(helm: Helm) -> list[Helm]:
    """Both Helms that the chart promises to work with, 4 and 3."""
    with _skipping("with Helm 3"):
        third = binaries.install(binaries.HELM_3, Layout.from_environment())
    return [helm, replace(helm, program=str(third))]


@pytest.fixture(scope="session")
def images(cluster: Kubectl, request: pytest.FixtureRequest) -> dict[str, str]:  # noqa: ARG001 - it must be up
    """The product's images and the tests' model on every node, as a pod's manifest calls them."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with _skipping("with the product's images"), capture.global_and_fixture_disabled():
        if os.environ.get("E2E_KUBECONFIG"):
            return product_images.load_elsewhere()
        return product_images.load(Layout.from_environment())


@pytest.fixture(scope="session")
def sidecar_image(images: dict[str, str]) -> str:
    """The sidecar's."""
    return images["llm-monitor-sidecar"]


@pytest.fixture(scope="session")
def model_image(images: dict[str, str]) -> str:
    """SmolLM2 behind llama.cpp's server, and the clients that talk to it."""
    return images["llm-monitor-e2e/model"]


@pytest.fixture(scope="session")
def product(monitors: Kubectl, helm: Helm, images: dict[str, str]) -> Iterator[Installed]:
    """The chart with the images of this tree, installed for the whole session."""
    with installed(helm, monitors, images) as release:
        yield release


@pytest.fixture(scope="session")
def proved(product: Installed, sidecar_image: str) -> Iterator[Kubectl]:
    """A namespace in which the sidecar was seen running: pods of a monitor are injected there from now on."""
    name = "e2e-proved"
    kubectl = product.kubectl.within(name)
    if not kubectl("get", f"namespace/{name}", "--ignore-not-found"):
        kubectl("create", "namespace", name)
    small_models.monitored(kubectl, "first", small_models.server(sidecar_image))
    # a release that was kept (E2E_KEEP) has proved the image before this one
    until(lambda: sidecar_image in product.verdict(name), f"the sidecar to be proved in {name}", 300)
    yield kubectl
    if not os.environ.get(KEEP):
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def served(product: Installed, model_image: str) -> Iterator[Kubectl]:
    """The real model in a namespace of its own, and no monitor yet."""
    name = f"e2e-{secrets.token_hex(4)}"
    kubectl = product.kubectl.within(name)
    kubectl("create", "namespace", name)
    kubectl.apply(chat.model(model_image), chat.service())
    kubectl("rollout", "status", "deployment/chat", "--timeout=120s")
    yield kubectl
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def answering(product: Installed) -> Iterator[Installed]:
    """The release, which answers people meanwhile."""
    product.upgrade(people={"enabled": True})
    yield product
    product.upgrade()


@pytest.fixture(scope="module")
def prometheus(
    product: Installed,  # noqa: ARG001 - it must be there
    helm: Helm,
    cluster: Kubectl,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the release, and alerts, as the chart's objects say."""
    with _skipping("with Prometheus"):
        if not helm.before:
            raise ClusterUnavailable("the pods of this cluster can't be reached from here")
        with scraping(helm, cluster, tmp_path_factory.mktemp("prometheus")) as running:
            yield running


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Prints a figure that was measured, also when the test passes."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n{request.node.name}: {text}", flush=True)  # noqa: T201 - the figure of a claim

    return say
