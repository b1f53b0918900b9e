"""Which container of a pod serves the model, on which port, and how that is known.

`spec.target` wins; what it leaves out is found by `engines.py` (one table) in image, command, arguments,
environment, probes and declared ports. What cannot be told apart is not guessed: the message names the
candidates and the field that decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from llmmonitor_api.spec.target import Engine, Target
from llmmonitor_operator.kube.raw import Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The model's server."""

    container: str
    port: int
    port_name: str
    """Its name in the container's ports; empty if it is not declared by name."""
    engine: Engine
    """OPENAI_COMPATIBLE for a server of no known kind."""
    because: str
    """For status: `image vllm/vllm-openai, --port in args`."""


class NotServing(ValueError):
    """Nothing in this pod serves a model as far as can be told; the message says what would help."""


def find_serving(pod: Raw, target: Target) -> Serving:
    """The container and port that serve the model.

    Raises:
        NotServing: there is none, or more than one.
    """
    raise NotImplementedError
