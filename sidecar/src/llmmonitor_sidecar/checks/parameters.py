"""A request sets no parameter that the engine does not know.

Engines pass over what they do not know, so that a client believes in a setting that nothing obeys. Named is
only what another engine knows; what no engine knows may be any word of a client's.
"""

from __future__ import annotations

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_api.report.requests import OTHER
from llmmonitor_sidecar.checks.known_parameters import ANYWHERE, KNOWN
from llmmonitor_sidecar.checks.request import Request


def check(request: Request, _setting: RequestChecksSetting) -> str | None:
    """None of an engine or a path whose parameters are not known here."""
    known = KNOWN.get(request.engine, {}).get(request.path)
    if known is None or not request.fields:
        return None
    unknown = request.fields.keys() - known
    if not unknown:
        return ""
    return min(unknown & ANYWHERE, default=OTHER)
