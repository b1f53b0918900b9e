"""kubectl as the tests use it: what a person would type, and the answer as text or JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

_TIMEOUT_SECONDS = 330


class Refused(Exception):
    """kubectl ended with an error; the message is what it printed."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl on one cluster, and in one namespace if it is given."""

    command: Sequence[str]
    namespace: str | None = None

    def __call__(self, *arguments: str, document: Mapping[str, Any] | None = None) -> str:
        """Run `kubectl ARGUMENTS`, with `document` as JSON on its input; gives its output.

        Raises:
            Refused: it ended with an error.
        """
        place = [f"--namespace={self.namespace}"] if self.namespace else []
        done = subprocess.run(
            [*self.command, *place, *arguments],
            input=json.dumps(document) if document is not None else None,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise Refused(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def apply(self, *documents: Mapping[str, Any], dry_run: bool = False) -> None:
        """`kubectl apply -f -` of some objects; with `dry_run` the server checks and keeps nothing."""
        arguments = ["apply", "--filename=-", *(["--dry-run=server"] if dry_run else [])]
        self(*arguments, document={"apiVersion": "v1", "kind": "List", "items": list(documents)})

    def get(self, *arguments: str) -> Any:
        """`kubectl get -o json`, read."""
        return json.loads(self("get", "--output=json", *arguments))

    def within(self, namespace: str) -> Kubectl:
        """The same in a namespace."""
        return replace(self, namespace=namespace)
