"""The text that `kubectl describe llmmonitor` prints, made without a cluster.

kubectl describes custom resources generically: every field in alphabetical order, camelCase split into words,
then the events. This is the same procedure, so that what a person learns to read in the demo is what a
cluster shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from llmmonitor_cli.columns import align

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|-+")
_ONLY_LETTERS = re.compile(r"[A-Za-z-]+")
_ACRONYMS = frozenset({"API", "URL", "UID", "OSB", "GUID"})
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_ANNOTATION_LENGTH = 140
_INT64 = 2**63
_SHOWN_ABOVE = frozenset({"name", "namespace", "labels", "annotations", "managedFields"})


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the events table."""

    type: str
    """`Normal` or `Warning`."""
    reason: str
    message: str
    at: datetime
    source: str = "llm-monitor"


def describe(monitor: Mapping[str, Any], events: list[Event], now: datetime) -> str:
    """An LLMMonitor (apiVersion, kind, metadata, spec, status) and its events as kubectl shows them."""
    metadata = monitor["metadata"]
    lines = [f"Name:\t{metadata['name']}", f"Namespace:\t{metadata.get('namespace', 'default')}"]
    lines += _labels(metadata.get("labels") or {})
    lines += _annotations(metadata.get("annotations") or {})
    rest = {key: value for key, value in metadata.items() if key not in _SHOWN_ABOVE}
    lines += _content({**monitor, "metadata": rest}, 0)
    lines += _events(events, now)
    return align("\n".join(lines))


def label(field: str) -> str:
    """A field's name as words: `lastTransitionTime` becomes `Last Transition Time`."""
    if not _ONLY_LETTERS.fullmatch(field):
        return field
    words = (
        word.upper() if word.upper() in _ACRONYMS else word[0].upper() + word[1:] for word in _split(field)
    )
    return " ".join(words)


def age(seconds: float) -> str:
    """A duration as kubectl's tables spell it: `45s`, `3m12s`, `5h`."""
    whole = max(0, int(seconds))
    for unit, size, below, detail in (("s", 1, 120, ""), ("m", 60, 600, "s"), ("m", 60, 10_800, "")):
        if whole < below:
            rest = whole % size if detail else 0
            return f"{whole // size}{unit}" + (f"{rest}{detail}" if rest else "")
    hours = whole // 3600
    return f"{hours}h" if hours < 48 else f"{hours // 24}d"  # noqa: PLR2004 - kubectl's own limit


def _split(field: str) -> list[str]:
    return _WORDS.findall(field)


def _labels(labels: Mapping[str, str]) -> list[str]:
    return _titled("Labels", [f"{key}={labels[key]}" for key in sorted(labels)])


def _annotations(annotations: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for key in sorted(annotations.keys() - {_LAST_APPLIED}):
        value = annotations[key].removesuffix("\n")
        if len(key) + len(value) + 2 <= _ANNOTATION_LENGTH and "\n" not in value:
            lines.append(f"{key}: {value}")
            continue
        most = _ANNOTATION_LENGTH - 2
        shortened = (line if len(line) <= most else f"{line[:most]}..." for line in value.split("\n"))
        lines += [f"{key}:", *(f"  {line}" for line in shortened)]
    return _titled("Annotations", lines)


def _titled(title: str, lines: list[str]) -> list[str]:
    first, *others = lines or ["<none>"]
    return [f"{title}:\t{first}", *(f"\t{line}" for line in others)]


def _content(content: Mapping[str, Any], level: int) -> list[str]:
    indent, lines = "  " * level, []
    for field in sorted(content):
        value = content[field]
        if isinstance(value, Mapping):
            lines += [f"{indent}{label(field)}:", *_content(value, level + 1)]
        elif isinstance(value, list):
            lines.append(f"{indent}{label(field)}:")
            for item in value:
                if isinstance(item, Mapping):
                    lines += _content(item, level + 1)
                else:
                    lines.append(f"{indent}  {_scalar(item)}")
        else:
            lines.append(f"{indent}{label(field)}:\t{_scalar(value)}")
    return lines


def _scalar(value: object) -> str:
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return str(value).lower()
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    """As kubectl shows what came as JSON: whole numbers are integers, others are Go's `%v` of a float64."""
    if value.is_integer() and abs(value) < _INT64:
        return str(int(value))
    shortest = Decimal(repr(value))
    if -4 <= shortest.adjusted() < 6:  # noqa: PLR2004 - Go's own limits (strconv, format 'g')
        return repr(value)
    return f"{value:.{len(shortest.normalize().as_tuple().digits) - 1}e}"


def _events(events: list[Event], now: datetime) -> list[str]:
    if not events:
        return ["Events:\t<none>"]
    rows = ["Events:", "  Type\tReason\tAge\tFrom\tMessage", "  ----\t------\t----\t----\t-------"]
    for event in sorted(events, key=lambda event: event.at):
        ago = age((now.astimezone(UTC) - event.at).total_seconds())
        rows.append(f"  {event.type}\t{event.reason}\t{ago}\t{event.source}\t{event.message}")
    return rows
