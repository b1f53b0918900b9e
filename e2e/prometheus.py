"""A real Prometheus beside the cluster, told what to scrape and when to alert by the chart's own objects.

The Prometheus Operator is not installed: what it makes of a ServiceMonitor, a PodMonitor and a PrometheusRule
(its `prometheus/promcfg.go`: discovery by role, labels of the target) is made of them here, for the few
fields that the chart uses. The program comes from Debian's package, unpacked and not installed: no service is
started, no user is made, no root is needed.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster.errors import ClusterUnavailable
from e2e.helm import Helm, Objects
from e2e.installed import RELEASE
from e2e.waiting import until

ROOT = Path(__file__).parents[1]
UNPACKED = ROOT / ".cache" / "prometheus"
_PACKAGE = "prometheus"
_FETCH_SECONDS = 300
_ASK_SECONDS = 30
_ADDRESS = "127.0.0.1:9097"
"""In the node's network namespace; not Prometheus' own port, which somebody may use."""
_KINDS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")
_OFTEN = "5s"


def program(name: str = "prometheus") -> Path:
    """`prometheus` or `promtool`; fetched on first use.

    Raises:
        ClusterUnavailable: this is no Debian, or its archive does not answer.
    """
    found = UNPACKED / "usr" / "bin" / name
    if found.exists():
        return found
    UNPACKED.mkdir(parents=True, exist_ok=True)
    try:
        _run(["apt-get", "download", "-q", _PACKAGE])
        [package] = UNPACKED.glob(f"{_PACKAGE}_*.deb")
        _run(["dpkg-deb", "--extract", str(package), str(UNPACKED)])
        package.unlink()
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise ClusterUnavailable(f"Debian's package {_PACKAGE} was not to be had: {error}") from error
    return found


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs; `before` is what brings a program to where it listens."""

    before: Sequence[str]

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """What an instant query gives: `metric` (labels) and `value` of each series."""
        command = [
            str(program("promtool")),
            "query",
            "instant",
            "--format=json",
            f"http://{_ADDRESS}",
            expression,
        ]
        done = subprocess.run(
            [*self.before, *command], capture_output=True, text=True, timeout=_ASK_SECONDS, check=False
        )
        return list(json.loads(done.stdout)) if done.returncode == 0 else []

    def firing(self, **labels: str) -> list[dict[str, str]]:
        """The labels of the alerts that fire and have these."""
        wanted = "".join(f', {name}="{value}"' for name, value in labels.items())
        return [dict(one["metric"]) for one in self.ask(f'ALERTS{{alertstate="firing"{wanted}}}')]


@contextmanager
def scraping(helm: Helm, folder: Path, **values: Any) -> Iterator[Prometheus]:
    """One that scrapes the release by the chart's objects.

    Args:
        helm: on the cluster whose pods are to be scraped, and from where they can be reached.
        folder: for its data.
        values: of the chart, over those that the objects need.
    """
    kubeconfig = next(one for one in helm.options if one.startswith("--kubeconfig=")).partition("=")[2]
    configuration, rules = folder / "prometheus.json", folder / "rules.json"
    objects = _objects(helm, values)
    rules.write_text(json.dumps(objects["PrometheusRule", RELEASE, RELEASE]["spec"]))
    configuration.write_text(json.dumps(_configuration(objects, kubeconfig, rules)))
    command = [
        str(program()),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={_ADDRESS}",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen([*helm.before, *command], stderr=log) as running:
        found = Prometheus(helm.before)
        try:
            until(lambda: running.poll() is None and found.ask("vector(1)"), "Prometheus to answer", 60)
            yield found
        finally:
            running.terminate()


def _objects(helm: Helm, values: Mapping[str, Any]) -> Objects:
    enabled = {kind[0].lower() + kind[1:]: {"enabled": True} for kind in _KINDS}
    known = [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in _KINDS]
    return helm.render({"monitoring": {"interval": _OFTEN, **enabled}, **values}, *known, namespace=RELEASE)


def _configuration(objects: Objects, kubeconfig: str, rules: Path) -> dict[str, Any]:
    services, pods = (
        objects["ServiceMonitor", RELEASE, RELEASE],
        objects["PodMonitor", RELEASE, f"{RELEASE}-sidecars"],
    )
    [endpoint], [pod] = services["spec"]["endpoints"], pods["spec"]["podMetricsEndpoints"]
    of_services = _job("endpoints", endpoint, kubeconfig, namespaces=[RELEASE]) | {
        "relabel_configs": [
            *_selected("service", services["spec"]["selector"]),
            _keep("__meta_kubernetes_endpoint_port_name", endpoint["port"]),
            *_named("service", "pod", "namespace"),
            {"source_labels": ["__meta_kubernetes_service_name"], "target_label": "job"},
        ]
    }
    of_pods = _job("pod", pod, kubeconfig) | {
        "relabel_configs": [
            *_selected("pod", pods["spec"]["selector"]),
            _keep("__meta_kubernetes_pod_container_port_name", pod["port"]),
            *_named("pod", "namespace"),
            {"target_label": "job", "replacement": f"{RELEASE}/{pods['metadata']['name']}"},
        ]
    }
    return {
        "global": {"scrape_interval": _OFTEN, "scrape_timeout": _OFTEN, "evaluation_interval": _OFTEN},
        "rule_files": [str(rules)],
        "scrape_configs": [of_services, of_pods],
    }


def _job(role: str, endpoint: Mapping[str, Any], kubeconfig: str, **discovery: Any) -> dict[str, Any]:
    namespaces = {"namespaces": {"names": discovery["namespaces"]}} if discovery else {}
    return {
        "job_name": role,
        "honor_labels": endpoint.get("honorLabels", False),
        "metrics_path": endpoint["path"],
        "kubernetes_sd_configs": [{"role": role, "kubeconfig_file": kubeconfig, **namespaces}],
    }


def _selected(kind: str, selector: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for label, value in selector.get("matchLabels", {}).items():
        yield _keep(_label(kind, label), value)
    for one in selector.get("matchExpressions", ()):
        assert one["operator"] == "In"
        yield _keep(_label(kind, one["key"]), "|".join(one["values"]))


def _label(kind: str, label: str) -> str:
    return f"__meta_kubernetes_{kind}_label_" + "".join(c if c.isalnum() else "_" for c in label)


def _keep(source: str, regex: str) -> dict[str, Any]:
    return {"source_labels": [source], "regex": regex, "action": "keep"}


def _named(*labels: str) -> Iterator[dict[str, Any]]:
    for label in labels:
        source = f"__meta_kubernetes_{label}" if label == "namespace" else f"__meta_kubernetes_{label}_name"
        yield {"source_labels": [source], "target_label": label}


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=UNPACKED, check=True, capture_output=True, timeout=_FETCH_SECONDS)
