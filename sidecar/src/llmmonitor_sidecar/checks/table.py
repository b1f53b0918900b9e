"""Which function makes which check, and whether the setting asks for it. Adding one is a file and a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_api.report import requests as names
from llmmonitor_sidecar.checks import body_schema, languages, overflow, parameters, roles
from llmmonitor_sidecar.checks.given_schemas import GivenSchemas
from llmmonitor_sidecar.checks.request import Request

Check = Callable[[Request, RequestChecksSetting], str | None]

_TABLE: Mapping[str, tuple[Callable[[RequestChecksSetting], bool], Callable[[], Check]]] = {
    names.LANGUAGES: (lambda setting: bool(setting.languages), lambda: languages.check),
    names.ROLES: (lambda setting: bool(setting.roles), lambda: roles.check),
    names.JSON_SCHEMA: (lambda setting: setting.json_schema is not None, lambda: body_schema.check),
    names.INVALID_SCHEMAS: (lambda setting: setting.invalid_schemas, GivenSchemas),
    names.CONTEXT_OVERFLOW: (lambda setting: setting.context_overflow, lambda: overflow.check),
    names.UNKNOWN_PARAMETERS: (lambda setting: setting.unknown_parameters, lambda: parameters.check),
}


def checks_of(setting: RequestChecksSetting) -> dict[str, Check]:
    """Those that are asked for, by name; what one remembers is remembered under this setting alone."""
    return {name: made() for name, (asked_for, made) in _TABLE.items() if asked_for(setting)}
