"""helm as the tests use it: the chart rendered into objects, or a release on a cluster.

Which program and which cluster is the caller's to say. Refusals keep Helm's own words, because tests ask
whether a person could act on them.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # libyaml: ten times as fast as ruamel here
from e2e.cluster.layout import KUBERNETES_VERSION

CHART = Path(__file__).parents[1] / "charts" / "llm-monitor"
RELEASE = "llm-monitor"
_TIMEOUT_SECONDS = 300

Values = Mapping[str, Any]
Objects = dict[tuple[str, str, str], dict[str, Any]]
"""By kind, namespace (empty for the cluster's) and name."""


class HelmRefused(Exception):
    """Helm ended with an error; the message is what it printed."""


@dataclass(frozen=True, slots=True)
class Helm:
    """Runs one helm; `options` reach a cluster (`--kubeconfig=...`), or are empty for rendering."""

    program: str
    options: Sequence[str] = ()
    before: Sequence[str] = ()
    """What brings the program to the cluster, such as nsenter."""

    def __call__(self, *arguments: str, values: Values | None = None) -> str:
        """Run `helm ARGUMENTS` with `values` in a file; gives its output.

        Raises:
            HelmRefused: it ended with an error.
        """
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(values or {}, file)
            file.flush()
            given = [f"--values={file.name}"] if values is not None else []
            done = subprocess.run(
                [*self.before, self.program, *self.options, *arguments, *given],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        if done.returncode:
            raise HelmRefused(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def text(self, values: Values | None = None, *options: str, namespace: str = RELEASE) -> str:
        """`helm template` of the chart."""
        # a Helm that was not built by its makers takes the cluster for 1.20
        place = (f"--namespace={namespace}", f"--kube-version={KUBERNETES_VERSION}")
        return self("template", RELEASE, str(CHART), *place, *options, values=values or {})

    def render(self, values: Values | None = None, *options: str, namespace: str = RELEASE) -> Objects:
        """The same, read."""
        documents = yaml.load_all(self.text(values, *options, namespace=namespace), yaml.CSafeLoader)
        found = [one for one in documents if one]
        objects = {
            (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in found
        }
        assert len(objects) == len(found), "two objects of one kind and name"
        return objects
