"""Objects as the API server gives them: decoded JSON, read only.

Never models of a client library: a field that this version does not know must survive being read and patched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Raw: TypeAlias = Mapping[str, Any]
"""A Kubernetes object, or a part of one."""


def mapping(value: object) -> Mapping[str, object]:
    """An object of JSON; an empty one for what is absent or something else."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[object]:
    """A list of JSON; an empty one for what is absent or something else."""
    return value if isinstance(value, list | tuple) else ()
