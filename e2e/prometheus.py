"""A real Prometheus beside the cluster, told what to scrape and when to alert by the chart's own objects.

The Prometheus Operator is not installed, and Debian's Prometheus can't discover pods: what the two would make
of the chart's ServiceMonitor, PodMonitor and PrometheusRule (which endpoints, with which labels) is looked up
here, for the few fields that the chart uses.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.cluster.errors import ClusterUnavailable
from e2e.helm import Helm, Objects
from e2e.installed import RELEASE
from e2e.kubectl import Kubectl, Refused
from e2e.waiting import until

ROOT = Path(__file__).parents[1]
UNPACKED = ROOT / ".cache" / "prometheus"
_UNPACK = ROOT / "tests" / "unpack-debian-package"
_FETCH_SECONDS = 300
_ASK_SECONDS = 30
_LOOK_SECONDS = 3.0
_ADDRESS = "127.0.0.1:9097"
"""In the node's network namespace; not Prometheus' own port, which somebody may use."""
_KINDS = ("ServiceMonitor", "PodMonitor", "PrometheusRule")
_SIDECARS = f"{RELEASE}-sidecars"
_OFTEN = "5s"


def program(name: str = "prometheus") -> Path:
    """`prometheus` or `promtool`; fetched on first use.

    Raises:
        ClusterUnavailable: this is no Debian, or its archive does not answer.
    """
    found = UNPACKED / name
    if found.exists():
        return found
    command = [str(_UNPACK), "prometheus", UNPACKED.name, "./usr/bin/prometheus", "./usr/bin/promtool"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_FETCH_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        raise ClusterUnavailable(f"Debian's package prometheus was not to be had: {error}") from error
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
def scraping(helm: Helm, cluster: Kubectl, folder: Path) -> Iterator[Prometheus]:
    """One that scrapes the release by the chart's objects.

    Args:
        helm: renders the chart; it stands where pods can be reached.
        cluster: whose services and pods are to be scraped.
        folder: for its data.
    """
    objects = _objects(helm)
    configuration, rules = folder / "prometheus.json", folder / "rules.json"
    rules.write_text(json.dumps(objects["PrometheusRule", RELEASE, RELEASE]["spec"]))
    jobs = [_services(objects, folder), _pods(objects, folder)]
    configuration.write_text(json.dumps(_configuration(jobs, rules)))
    command = [
        str(program()),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={_ADDRESS}",
    ]
    with (
        _discovering(jobs, cluster),
        (folder / "log").open("w") as log,
        subprocess.Popen([*helm.before, *command], stderr=log) as running,
    ):
        found = Prometheus(helm.before)
        try:
            until(lambda: running.poll() is not None or found.ask("vector(1)"), "Prometheus to answer", 60)
            assert running.poll() is None, (folder / "log").read_text()
            yield found
        finally:
            running.terminate()


@dataclass(frozen=True, slots=True)
class _Job:
    """What is scraped in one way."""

    name: str
    endpoint: Mapping[str, Any]
    selector: str
    """As kubectl takes it."""
    targets: Path
    find: Callable[[_Job, Kubectl], list[dict[str, Any]]]

    @property
    def configuration(self) -> dict[str, Any]:
        return {
            "job_name": self.name,
            "honor_labels": self.endpoint.get("honorLabels", False),
            "metrics_path": self.endpoint["path"],
            "file_sd_configs": [{"files": [str(self.targets)]}],
        }


def _objects(helm: Helm) -> Objects:
    enabled = {kind[0].lower() + kind[1:]: {"enabled": True} for kind in _KINDS}
    known = [f"--api-versions=monitoring.coreos.com/v1/{kind}" for kind in _KINDS]
    return helm.render({"monitoring": enabled}, *known, namespace=RELEASE)


def _configuration(jobs: Sequence[_Job], rules: Path) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": _OFTEN, "scrape_timeout": _OFTEN, "evaluation_interval": _OFTEN},
        "rule_files": [str(rules)],
        "scrape_configs": [job.configuration for job in jobs],
    }


def _services(objects: Objects, folder: Path) -> _Job:
    spec = objects["ServiceMonitor", RELEASE, RELEASE]["spec"]
    [endpoint] = spec["endpoints"]
    return _Job("services", endpoint, _selector(spec), folder / "services.json", _behind_services)


def _pods(objects: Objects, folder: Path) -> _Job:
    spec = objects["PodMonitor", RELEASE, _SIDECARS]["spec"]
    [endpoint] = spec["podMetricsEndpoints"]
    return _Job("pods", endpoint, _selector(spec), folder / "pods.json", _in_pods)


def _selector(spec: Mapping[str, Any]) -> str:
    one_of = [
        f"{one['key']} in ({','.join(one['values'])})" for one in spec["selector"].get("matchExpressions", ())
    ]
    return ",".join([*(f"{key}={value}" for key, value in spec["selector"]["matchLabels"].items()), *one_of])


def _behind_services(job: _Job, cluster: Kubectl) -> list[dict[str, Any]]:
    """The pods behind the release's services that have the port, under the service's name as their job."""
    place, found = cluster.within(RELEASE), []
    for service in place.get("services", f"--selector={job.selector}")["items"]:
        name = service["metadata"]["name"]
        for piece in place.get("endpointslices", f"--selector=kubernetes.io/service-name={name}")["items"]:
            ports = [one["port"] for one in piece["ports"] or () if one["name"] == job.endpoint["port"]]
            for one, port in itertools.product(piece["endpoints"] or (), ports):
                labels = {"job": name, "namespace": RELEASE, "pod": one["targetRef"]["name"]}
                found.append({"targets": [f"{one['addresses'][0]}:{port}"], "labels": labels})
    return found


def _in_pods(job: _Job, cluster: Kubectl) -> list[dict[str, Any]]:
    """Every pod that has the labels and the port, be it an init container's."""
    found = []
    for pod in cluster.get("pods", "--all-namespaces", f"--selector={job.selector}")["items"]:
        spec, address = pod["spec"], pod["status"].get("podIP")
        for container in (*spec["containers"], *spec.get("initContainers", ())):
            for port in container.get("ports", ()):
                if address and port.get("name") == job.endpoint["port"]:
                    metadata = pod["metadata"]
                    labels = {"namespace": metadata["namespace"], "pod": metadata["name"]}
                    where = f"{address}:{port['containerPort']}"
                    found.append({"targets": [where], "labels": {"job": f"{RELEASE}/{_SIDECARS}", **labels}})
    return found


@contextmanager
def _discovering(jobs: Sequence[_Job], cluster: Kubectl) -> Iterator[None]:
    """Keep the targets current; Prometheus reads the files again when they change."""
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            for job in jobs:
                with suppress(Refused):  # the cluster is busy: what was found last stays
                    fresh = job.targets.with_suffix(".new")
                    fresh.write_text(json.dumps(job.find(job, cluster)))
                    fresh.replace(job.targets)
            over.wait(_LOOK_SECONDS)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
