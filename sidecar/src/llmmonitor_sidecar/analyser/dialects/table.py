"""Every dialect's routes, found by method and path. Adding a dialect is a file and a line here.

A path matches by its end, so that prefixes of gateways (`/openai/v1/...`, `/api/v1/...`) do not hide it;
longer ends come first. What matches nothing has HTTP figures only, under the path `other`: raw paths are the
client's words and would be labels without bound.
"""

from __future__ import annotations

from llmmonitor_sidecar.analyser.dialects import (
    anthropic,
    generate,
    kserve,
    llamacpp,
    ollama,
    openai_chat,
    openai_responses,
    plain,
    tgi,
)
from llmmonitor_sidecar.analyser.dialects.route import Route

OTHER = Route("other", "http")

_BY_END: dict[str, Route] = {
    **plain.ROUTES,
    **openai_chat.ROUTES,
    **openai_responses.ROUTES,
    **anthropic.ROUTES,
    **llamacpp.ROUTES,
    **ollama.ROUTES,
    **tgi.ROUTES,
    **generate.ROUTES,
}
_SEGMENTS = 3
"""The longest end in the table."""


def route_for(method: str, target: bytes) -> tuple[Route, str | None]:
    """Return the route of a request line (`OTHER` when there is none), and the model named in its path.

    Only POST generates: a browser's OPTIONS to the same path is answered without output, and rightly so.
    """
    route, model = _route_of(target)
    if route.generates and method != "POST":
        route = Route(route.label, route.dialect)
    return route, model


def _route_of(target: bytes) -> tuple[Route, str | None]:
    path = target.split(b"?", 1)[0].split(b"#", 1)[0].decode("latin-1").rstrip("/")
    if "://" in path[:8]:  # absolute form, as sent to a proxy
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    if path == "/completions":
        return llamacpp.BARE_COMPLETIONS, None
    by_model = kserve.route_and_model(path)
    if by_model is not None:
        return by_model
    segments = path.lstrip("/").split("/")
    for size in range(min(len(segments), _SEGMENTS), 0, -1):
        found = _BY_END.get("/".join(segments[-size:]))
        if found is not None:
            return found, None
    return OTHER, None
