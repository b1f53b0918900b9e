"""Lists whose entries have a key: a list-map for the API server, a uniqueness rule for Python."""

from typing import Any

from pydantic import Field

from llmmonitor_api.spec.model import Rule


def by_name(key: str) -> Any:
    """Marks a list as a map by `key`: the API server refuses duplicates and merges entries by it."""
    return Field(
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]},
    )


def as_set() -> Any:
    """Marks a list of scalars as a set: the API server refuses duplicates."""
    return Field(json_schema_extra={"x-kubernetes-list-type": "set"})


def unique(field: str, key: str) -> Rule:
    """No two entries of `field` have the same `key`."""

    def holds(one: Any) -> bool:
        keys = [getattr(entry, key) for entry in getattr(one, field)]
        return len(set(keys)) == len(keys)

    return Rule(
        at=field,
        reads=(field,),
        message=f"every entry needs a {key} of its own; rename one",
        holds=holds,
        schema_by=f"x-kubernetes-list-map-keys: [{key}]",
    )


def distinct(field: str) -> Rule:
    """No entry of `field` stands there twice."""

    def holds(one: Any) -> bool:
        entries = getattr(one, field)
        return len(set(entries)) == len(entries)

    return Rule(
        at=field,
        reads=(field,),
        message="an entry stands here twice; remove one",
        holds=holds,
        schema_by="x-kubernetes-list-type: set",
    )
