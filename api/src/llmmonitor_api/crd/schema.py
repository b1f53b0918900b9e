"""From pydantic's JSON schema to a structural schema of apiextensions/v1.

Pydantic writes references, unions with null, titles and closed objects; the API server takes none of
them: it wants every node inlined and typed, leaves absent what is null, and prunes (or, at `kubectl apply`,
refuses) unknown fields by itself. The form is described in the Kubernetes documentation, "Extend the
Kubernetes API with CustomResourceDefinitions", Specifying a structural schema.
"""

from typing import Any, Final

from pydantic import BaseModel

from llmmonitor_api.crd.instance import with_defaults

Schema = dict[str, Any]

_FIRST: Final = ("description", "type", "default", "enum", "required", "properties")
_DROPPED: Final = {"title", "$defs", "propertyNames", "patternProperties", "additionalProperties", "default"}


class UnsupportedSchemaError(ValueError):
    """A model uses something that no structural schema can say."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """The model's structural schema, with defaults, limits, descriptions and CEL rules.

    Raises:
        UnsupportedSchemaError: naming the path of what cannot be said.
    """
    whole = model.model_json_schema(by_alias=True, mode="serialization")
    return _structural(whole, whole.get("$defs", {}), model.__name__)


def _structural(node: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    node = _without_null(_inlined(node, definitions), definitions, path)
    result = {key: value for key, value in node.items() if key not in _DROPPED}
    if "description" in result:
        result["description"] = " ".join(result["description"].split())
    if "properties" in node:
        result["properties"] = {
            name: _structural(child, definitions, f"{path}.{name}")
            for name, child in node["properties"].items()
        }
    elif node.get("type") == "object" and not node.get("x-kubernetes-preserve-unknown-fields"):
        result["additionalProperties"] = _structural(_values(node, path), definitions, f"{path}.*")
    if "items" in node:
        result["items"] = _structural(node["items"], definitions, f"{path}[]")
    default = node.get("default")
    if "properties" in node and default is not None:
        result["default"] = with_defaults({}, result)  # in full: the API server runs CEL rules on it as it is
    elif default is not None and default != []:
        result["default"] = default
    first = [key for key in _FIRST if key in result]
    return {key: result[key] for key in (*first, *sorted(result.keys() - set(first)))}


def _inlined(node: Schema, definitions: dict[str, Schema]) -> Schema:
    """The node with its reference replaced by what it refers to; the node's own words win."""
    if "$ref" not in node:
        return node
    target = definitions[node["$ref"].removeprefix("#/$defs/")]
    return _inlined(target, definitions) | {key: value for key, value in node.items() if key != "$ref"}


def _without_null(node: Schema, definitions: dict[str, Schema], path: str) -> Schema:
    """The one alternative besides null: optional fields are left out, not null."""
    if "anyOf" not in node or node.get("x-kubernetes-int-or-string"):
        return node
    kinds = [kind for kind in node["anyOf"] if kind.get("type") != "null"]
    if len(kinds) != 1:
        raise UnsupportedSchemaError(f"{path}: a union of {len(kinds)} types; use one type, or int-or-string")
    return _inlined(kinds[0], definitions) | {key: value for key, value in node.items() if key != "anyOf"}


def _values(node: Schema, path: str) -> Schema:
    """The schema of a map's values; keys cannot be described."""
    patterns = node.get("patternProperties", {})
    values = next(iter(patterns.values())) if len(patterns) == 1 else node.get("additionalProperties")
    if not isinstance(values, dict):
        raise UnsupportedSchemaError(
            f"{path}: an object without properties, typed values or preserved fields"
        )
    return values
