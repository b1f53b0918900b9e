"""The chart as Helm renders it; both Helms that the chart promises to work with, where they are there."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_ROOT = str(Path(__file__).parents[2])
if _ROOT not in sys.path:
    sys.path.append(_ROOT)

from e2e.cluster.layout import Layout  # noqa: E402 - e2e is found by the line above
from e2e.helm import Helm, Objects, Values  # noqa: E402
from tests.chart.prometheus_rules import KNOWN, MONITORING, PrometheusRules  # noqa: E402


def _helms() -> dict[str, Helm]:
    """By name, the newest first."""
    folders = sorted(Layout.from_environment().cache.glob("helm-*"), reverse=True)
    found = {folder.name: Helm(str(folder / "helm")) for folder in folders if (folder / "helm").exists()}
    on_path = shutil.which("helm")
    return {**found, **({"helm on the path": Helm(on_path)} if on_path else {})}


_HELMS = _helms()
_SKIPPED = (
    "!!! NOT TESTED: the chart, because there is no helm here; "
    "`.venv/bin/python -m e2e.cluster helm` builds one, and the stage with the real cluster does so"
)


@pytest.fixture(scope="session", params=list(_HELMS) or ["no helm"])
def helm(request: pytest.FixtureRequest) -> Helm:
    """Each Helm in turn."""
    return _helm(request.param)


@pytest.fixture(scope="session")
def render() -> Callable[..., Objects]:
    """`render(values, *options, namespace=...)`: the chart's objects, each set of values rendered once."""
    helm = _helm(next(iter(_HELMS), ""))
    known: dict[str, Objects] = {}

    def rendered(values: Values | None = None, *options: str, namespace: str = "llm-monitor") -> Objects:
        key = repr((values, options, namespace))
        if key not in known:
            known[key] = helm.render(values, *options, namespace=namespace)
        return known[key]

    return rendered


@pytest.fixture
def prometheus_rules(render: Callable[..., Objects], promtool: str, tmp_path: Path) -> PrometheusRules:
    """The chart's, as Prometheus evaluates them."""
    objects = render({"monitoring": MONITORING}, *KNOWN)
    spec = objects["PrometheusRule", "llm-monitor", "llm-monitor"]["spec"]
    return PrometheusRules(promtool, spec, tmp_path)


def _helm(name: str) -> Helm:
    if name in _HELMS:
        return _HELMS[name]
    if os.environ.get("LLM_MONITOR_HELM") == "required":
        pytest.fail(_SKIPPED)
    pytest.skip(_SKIPPED)
