"""Regular expressions in the spec: RE2's syntax, which the sidecar runs in linear time.

RE2 itself is not needed here: what Python's `re` takes and RE2 does not (looking around, referring back) is
refused by name; the sidecar has the last word and says so in its report.
"""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

_NOT_IN_RE2: Final = re.compile(r"\(\?(?:[=!>(#]|<[=!]|P=)|(?<!\\)(?:\\\\)*\\[1-9]|[*+?}]\+")


def _check(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if found := _NOT_IN_RE2.search(pattern):
        raise ValueError(
            f"{pattern!r} uses {found.group()!r}, which RE2 does not have; "
            "write it without looking around, referring back or possessive repeats"
        )
    return pattern


SearchPattern = Annotated[str, Field(min_length=1, max_length=512), AfterValidator(_check)]
"""A regular expression in the syntax that Python and RE2 share."""
