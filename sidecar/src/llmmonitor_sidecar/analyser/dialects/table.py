"""Every dialect's routes, found by path. Adding a dialect is a file and a line here.

A path matches by its end, so that prefixes of gateways (`/openai/v1/...`, `/api/v1/...`) do not hide it;
longer ends come first. What matches nothing has HTTP figures only, under the path `other`: raw paths are the
client's words and would be labels without bound.
"""

from __future__ import annotations

from llmmonitor_sidecar.analyser.dialects import openai_chat
from llmmonitor_sidecar.analyser.dialects.route import Route

OTHER = Route("other", "http")

_BY_END: dict[str, Route] = {
    **openai_chat.ROUTES,
}
_SEGMENTS = 3
"""The longest end in the table."""


def route_for(target: bytes) -> Route:
    """Return the route of a request target; `OTHER` when there is none."""
    path = target.split(b"?", 1)[0].split(b"#", 1)[0].decode("latin-1").rstrip("/")
    if "://" in path[:8]:  # absolute form, as sent to a proxy
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    segments = path.lstrip("/").split("/")
    for size in range(min(len(segments), _SEGMENTS), 0, -1):
        found = _BY_END.get("/".join(segments[-size:]))
        if found is not None:
            return found
    return OTHER
