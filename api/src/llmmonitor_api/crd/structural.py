"""The API server's own rules for structural schemas, as a checker.

Taken from k8s.io/apiextensions-apiserver (pkg/apiserver/schema/validation.go and
pkg/apis/apiextensions/validation): every node has a type, value validations bring no structure, no forbidden
keyword stands anywhere, list-map keys exist and are always set, defaults are valid and pruned, CEL rules
have a message. Ours besides: every field has a description, every list, map and text a limit, without which
the server's estimate of a CEL rule's cost is out of budget. What needs a CEL compiler is left to the
end-to-end tests.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from llmmonitor_api.crd.instance import instance_errors, with_defaults

Schema = dict[str, Any]

MAX_RULE_MESSAGE: Final = 2_048
_ALLOWED: Final = {
    "type", "format", "description", "default", "enum", "pattern", "minimum", "maximum", "multipleOf",
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "required", "items",
    "properties", "additionalProperties", "nullable", "anyOf", "x-kubernetes-validations",
    "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys", "x-kubernetes-map-type",
}  # fmt: skip
_TYPES: Final = {"object", "array", "string", "integer", "number", "boolean"}
_INTEGER_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]
_ROOT_METADATA: Final = {"type": "object"}
"""All that may be said of an object's metadata: the API server knows the rest (a description is refused)."""
_SCALARS: Final = _TYPES - {"object", "array"}


def structural_errors(schema: Schema, path: str = "schema") -> list[str]:
    """Everything that the API server would refuse, each with its path; empty when there is nothing."""
    errors = [f"{path}: {keyword} is not allowed" for keyword in sorted(schema.keys() - _ALLOWED)]
    errors += _type_errors(schema, path)
    errors += _list_errors(schema, path)
    errors += _rule_errors(schema, path)
    errors += _object_errors(schema, path)
    if "default" in schema:
        filled = with_defaults(schema["default"], schema)
        errors += instance_errors(filled, schema, f"{path}.default")
        if filled != schema["default"]:
            errors.append(f"{path}.default: lacks its fields' own defaults, and CEL rules are run on it")
    for name, child in schema.get("properties", {}).items():
        if child == _ROOT_METADATA and name == "metadata":
            continue
        if not child.get("description"):
            errors.append(f"{path}.{name}: has no description")
        errors += structural_errors(child, f"{path}.{name}")
    for part, name in (("additionalProperties", "*"), ("items", "[]")):
        if isinstance(schema.get(part), dict):
            errors += structural_errors(schema[part], f"{path}.{name}")
    return errors


def _type_errors(schema: Schema, path: str) -> Iterator[str]:
    if schema.get("x-kubernetes-int-or-string"):
        if "type" in schema:
            yield f"{path}: int-or-string has no type"
        if schema.get("anyOf", _INTEGER_OR_STRING) != _INTEGER_OR_STRING:
            yield f"{path}: int-or-string allows only anyOf integer, string"
        return
    if "anyOf" in schema:
        yield f"{path}: anyOf is used for int-or-string only"
    if schema.get("type") not in _TYPES:
        yield f"{path}: type is {schema.get('type')!r}, not one of {', '.join(sorted(_TYPES))}"
    if schema.get("type") == "string" and not schema.keys() & {"maxLength", "enum", "format"}:
        yield f"{path}: a text needs maxLength"
    if "pattern" in schema:
        try:
            re.compile(schema["pattern"])
        except re.error as error:
            yield f"{path}: pattern: {error}"


def _object_errors(schema: Schema, path: str) -> Iterator[str]:
    if {"properties", "additionalProperties"} <= schema.keys():
        yield f"{path}: properties and additionalProperties exclude each other"
    if "additionalProperties" in schema and "maxProperties" not in schema:
        yield f"{path}: a map needs maxProperties"
    if isinstance(schema.get("additionalProperties"), bool):
        yield f"{path}: additionalProperties must be a schema"
    for name in schema.get("required", []):
        if name not in schema.get("properties", {}):
            yield f"{path}: required {name} is no property"


def _list_errors(schema: Schema, path: str) -> Iterator[str]:
    if schema.get("type") != "array":
        if "items" in schema or "x-kubernetes-list-type" in schema:
            yield f"{path}: items and list types belong to an array"
        return
    if not isinstance(schema.get("items"), dict):
        yield f"{path}: an array needs items"
        return
    if "maxItems" not in schema:
        yield f"{path}: an array needs maxItems"
    items, kind = schema["items"], schema.get("x-kubernetes-list-type", "atomic")
    keys = schema.get("x-kubernetes-list-map-keys", [])
    if bool(keys) != (kind == "map"):
        yield f"{path}: list-map keys are for list type map, and it needs them"
    for key in keys:
        field = items.get("properties", {}).get(key)
        if field is None or field.get("type") not in _SCALARS:
            yield f"{path}: list-map key {key} is no scalar field of its entries"
        elif key not in items.get("required", []) and "default" not in field:
            yield f"{path}: list-map key {key} must be required or have a default"
    if kind == "set" and items.get("type") not in _SCALARS:
        yield f"{path}: list type set is for scalars"


def _rule_errors(schema: Schema, path: str) -> Iterator[str]:
    rules = schema.get("x-kubernetes-validations", [])
    texts = [rule.get("rule", "") for rule in rules]
    if len(set(texts)) != len(texts):
        yield f"{path}: a validation rule stands there twice"
    for rule in rules:
        message, field = rule.get("message", ""), rule.get("fieldPath", "")
        if not rule.get("rule", "").strip():
            yield f"{path}: a validation without a rule"
        if not message.strip() or "\n" in message or len(message) > MAX_RULE_MESSAGE:
            yield f"{path}: a validation needs a message of one line"
        if field and field.removeprefix(".") not in schema.get("properties", {}):
            yield f"{path}: fieldPath {field} is no field"
