"""Regular expressions in the spec: RE2's syntax, which the sidecar runs in linear time.

The API server compiles a pattern with an RE2 of its own. Without one (`llm-monitor watch`) RE2 is not needed
either: what Python's `re` takes and RE2 does not (looking around, referring back) is refused by name; the
sidecar has the last word and says so in its report.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from llmmonitor_api.spec.server_rule import ServerRule

_NOT_IN_RE2: Final = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P=)|(?<!\\)(?:\\\\)*\\[1-9]|[*+?}]\+")


def _check(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"{pattern!r} is no regular expression: {error}; write it in the syntax that RE2 and Python share"
        ) from None
    if found := _NOT_IN_RE2.search(pattern):
        raise ValueError(
            f"{pattern!r} uses {found.group()!r}, which RE2 does not have; "
            "write it without looking around, referring back or possessive repeats"
        )
    return pattern


_COMPILES: Final = ServerRule(
    cel="''.matches(self) in [true, false]",
    message="is no regular expression of RE2's syntax; "
    "write it without looking around, referring back or possessive repeats",
)
"""Always true, and an error, which refuses the object, when CEL's own RE2 cannot compile the pattern."""

SearchPattern = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_check), _COMPILES]
"""A regular expression in the syntax that Python and RE2 share."""
