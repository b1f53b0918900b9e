"""What the operator keeps of the owner's checks on requests: good and bad by check, under keys of their own.

They are counted like objectives' events, and by the setting that they were made by: what another setting
called invalid is no part of what this one does. Only what the newest version of the model was asked counts,
since what an engine takes changes with it.
"""

from __future__ import annotations

import json

from llmmonitor_api.report.requests import RequestCounts
from llmmonitor_api.report.totals import objective_key
from llmmonitor_operator.windows import Count

ANY = "any"
"""Of requests by whether they break any check."""
TOO_LARGE = "tooLarge"
"""Of requests not held against the owner's schema, all of them bad; no check's name."""
_SIGNAL = "RequestCheck"


def check_key(check: str, setting: str) -> str:
    """Under which a check's counts stand; that of no objective."""
    return objective_key("", _SIGNAL, f"{check} {setting}")


def check_of(key: str) -> str:
    """The check that a key of counts is of; empty for any other key."""
    if _SIGNAL not in key:
        return ""
    name, signal, check = (*json.loads(key), "", "", "")[:3]
    return str(check).partition(" ")[0] if not name and signal == _SIGNAL else ""


def counts_of(requests: RequestCounts) -> dict[str, Count]:
    """By key; of a sidecar that checks nothing none, of one that does always the whole."""
    if not requests.setting:
        return {}
    found = {ANY: Count(requests.valid, requests.invalid)}
    found |= {name: Count(one.valid, one.invalid) for name, one in requests.checks.items()}
    if requests.too_large:
        found[TOO_LARGE] = Count(0, requests.too_large)
    return {check_key(name, requests.setting): count for name, count in found.items()}


def without_checks(counts: dict[str, Count]) -> dict[str, Count]:
    """Of objectives alone, as of a pod that runs an older version than another does."""
    return {key: count for key, count in counts.items() if not check_of(key)}
