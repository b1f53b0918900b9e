"""From an object of the API server or a YAML file to a valid `LLMMonitor`, or every error at once."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from llmmonitor_api.spec.errors import describe
from llmmonitor_api.spec.monitor import KIND, LLMMonitor


class InvalidMonitor(ValueError):  # named as people say it; `InvalidSpec` is the condition's reason
    """An LLMMonitor that breaks its schema or rules; its text has one error per line.

    Attributes:
        errors: the lines, each naming the object, the field, the value, the limit and the way out.
    """

    def __init__(self, errors: tuple[str, ...]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


def load_monitor(mapping: Mapping[str, Any]) -> LLMMonitor:
    """The monitor that `mapping` describes, with every default filled in; its status is not read.

    Args:
        mapping: a decoded manifest or API object, with camelCase keys.

    Raises:
        InvalidMonitor: listing every error.
    """
    given = _without_nulls({key: value for key, value in mapping.items() if key != "status"})
    try:
        return LLMMonitor.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as error:
        title = _title(mapping)
        lines = [describe(title, details, LLMMonitor) for details in error.errors(include_url=False)]
        raise InvalidMonitor(tuple(dict.fromkeys(lines))) from None


def _without_nulls(value: Any) -> Any:
    """Fields that are null count as left out, as they do for the API server; JSON schemas are left alone."""
    if isinstance(value, Mapping):
        kept = {key: child for key, child in value.items() if child is not None}
        return {key: child if key == "jsonSchema" else _without_nulls(child) for key, child in kept.items()}
    if isinstance(value, list):
        return [_without_nulls(entry) for entry in value]
    return value


def _title(mapping: Mapping[str, Any]) -> str:
    metadata = mapping.get("metadata")
    if not isinstance(metadata, Mapping):
        return KIND
    return f"{KIND} {metadata.get('namespace', 'default')}/{metadata.get('name', '(no name)')}"
