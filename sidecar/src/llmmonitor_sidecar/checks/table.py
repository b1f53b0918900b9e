"""Which function makes which check, and whether the setting asks for it. Adding one is a file and a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmmonitor_api.configuration import RequestChecksSetting
from llmmonitor_api.report import requests as names
from llmmonitor_sidecar.checks import body_schema, given_schemas, languages, overflow, parameters, roles
from llmmonitor_sidecar.checks.request import Request

Check = Callable[[Request, RequestChecksSetting], str | None]

_TABLE: Mapping[str, tuple[Callable[[RequestChecksSetting], bool], Check]] = {
    names.LANGUAGES: (lambda setting: bool(setting.languages), languages.check),
    names.ROLES: (lambda setting: bool(setting.roles), roles.check),
    names.JSON_SCHEMA: (lambda setting: setting.json_schema is not None, body_schema.check),
    names.INVALID_SCHEMAS: (lambda setting: setting.invalid_schemas, given_schemas.check),
    names.CONTEXT_OVERFLOW: (lambda setting: setting.context_overflow, overflow.check),
    names.UNKNOWN_PARAMETERS: (lambda setting: setting.unknown_parameters, parameters.check),
}


def checks_of(setting: RequestChecksSetting) -> dict[str, Check]:
    """Those that are asked for, by name."""
    return {name: check for name, (asked_for, check) in _TABLE.items() if asked_for(setting)}
