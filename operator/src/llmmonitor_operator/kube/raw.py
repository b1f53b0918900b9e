"""Objects as the API server gives them: decoded JSON, read only.

Never models of a client library: a field that this version does not know must survive being read and patched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Raw: TypeAlias = Mapping[str, Any]
"""A Kubernetes object, or a part of one."""
