"""The text that `kubectl describe llmmonitor` prints, made without a cluster.

kubectl describes custom resources generically: every field in alphabetical order, camelCase split into words,
then the events. This is the same procedure, so that what a person learns to read in the demo is what the
cluster will show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from llmmonitor_cli.columns import align

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]*|[a-z]+|-+")
_ONLY_LETTERS = re.compile(r"[A-Za-z-]+")
_ACRONYMS = frozenset({"API", "URL", "UID", "OSB", "GUID"})
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
    lines += _pairs("Labels", metadata.get("labels"), "=")
    lines += _pairs("Annotations", metadata.get("annotations"), ": ")
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


def _pairs(title: str, pairs: Mapping[str, str] | None, joint: str) -> list[str]:
    if not pairs:
        return [f"{title}:\t<none>"]
    shown = [f"{key}{joint}{pairs[key]}" for key in sorted(pairs)]
    return [f"{title}:\t{shown[0]}", *(f"\t{line}" for line in shown[1:])]


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
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _events(events: list[Event], now: datetime) -> list[str]:
    if not events:
        return ["Events:\t<none>"]
    rows = ["Events:", "  Type\tReason\tAge\tFrom\tMessage", "  ----\t------\t----\t----\t-------"]
    for event in sorted(events, key=lambda event: event.at):
        ago = age((now.astimezone(UTC) - event.at).total_seconds())
        rows.append(f"  {event.type}\t{event.reason}\t{ago}\t{event.source}\t{event.message}")
    return rows
