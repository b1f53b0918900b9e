"""What the API server does with an object by a structural schema: fill in defaults, then validate.

Covers the keywords that our own schema uses (types, enum, pattern, limits of numbers, texts, lists and
maps, required, list maps and sets, int-or-string) and refuses unknown fields, as `kubectl apply` does by
default. CEL rules are not run. Used to prove defaults valid on generation, and in tests to compare the
schema's verdict with the models'.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

Schema = dict[str, Any]

_PYTHON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def with_defaults(value: Any, schema: Schema) -> Any:
    """`value` with the defaults of absent fields, recursively; null fields count as absent."""
    if isinstance(value, dict) and "properties" in schema:
        filled = {key: child for key, child in value.items() if child is not None}
        for name, child in schema["properties"].items():
            if name not in filled and "default" in child:
                filled[name] = child["default"]
            if name in filled:
                filled[name] = with_defaults(filled[name], child)
        return filled
    if isinstance(value, list) and "items" in schema:
        return [with_defaults(entry, schema["items"]) for entry in value]
    return value


def instance_errors(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """Every way in which `value` breaks `schema`, each with its path."""
    kinds = ("integer", "string") if schema.get("x-kubernetes-int-or-string") else (schema.get("type"),)
    if not any(_is_a(value, kind) for kind in kinds if kind):
        yield f"{path}: {value!r} is no {' or '.join(map(str, kinds))}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {value!r} is none of {schema['enum']}"
    if isinstance(value, str):
        yield from _text_errors(value, schema, path)
    elif isinstance(value, dict):
        yield from _object_errors(value, schema, path)
    elif isinstance(value, list):
        yield from _list_errors(value, schema, path)
    elif not isinstance(value, bool):
        if value < schema.get("minimum", value):
            yield f"{path}: {value} is below {schema['minimum']}"
        if value > schema.get("maximum", value):
            yield f"{path}: {value} is above {schema['maximum']}"


def _is_a(value: Any, kind: str) -> bool:
    return isinstance(value, _PYTHON_TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _text_errors(value: str, schema: Schema, path: str) -> Iterator[str]:
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r} does not match {schema['pattern']}"
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield f"{path}: {len(value)} characters"


def _object_errors(value: Schema, schema: Schema, path: str) -> Iterator[str]:
    if len(value) > schema.get("maxProperties", len(value)):
        yield f"{path}: {len(value)} entries, at most {schema['maxProperties']}"
    for name in schema.get("required", []):
        if name not in value:
            yield f"{path}.{name}: required"
    for name, child in value.items():
        if name in schema.get("properties", {}):
            yield from instance_errors(child, schema["properties"][name], f"{path}.{name}")
        elif isinstance(schema.get("additionalProperties"), dict):
            yield from instance_errors(child, schema["additionalProperties"], f"{path}.{name}")
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}: unknown field"


def _list_errors(value: list[Any], schema: Schema, path: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{path}: {len(value)} entries"
    for place, entry in enumerate(value):
        yield from instance_errors(entry, schema["items"], f"{path}[{place}]")
    kind = schema.get("x-kubernetes-list-type", "atomic")
    if kind == "map":
        keys = schema["x-kubernetes-list-map-keys"]
        identities = [repr([entry.get(key) for key in keys]) for entry in value if isinstance(entry, dict)]
    else:
        identities = [repr(entry) for entry in value] if kind == "set" else []
    if len(set(identities)) != len(identities):
        yield f"{path}: an entry stands there twice"
