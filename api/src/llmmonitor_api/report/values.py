"""What a number or name in a report may be.

A sidecar stands in somebody else's pod: one that is damaged, or not ours, must cost its own pod's report and
never the judgement of a whole monitor, nor the operator's memory, in which parts of ten thousand reports are
kept. What cannot be is refused by these types where reports are decoded.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Up to what msgspec can bound."""
Sum: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
NAME_LIMIT = 256
"""Characters. What a report is to hold and may be longer is cut to it."""
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=NAME_LIMIT)]
Key: TypeAlias = Annotated[str, msgspec.Meta(max_length=1024)]
"""Some names, spelled unambiguously together."""
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=8192)]
"""Words, for people."""
Rate: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
"""Of things per second, either way."""
Figure: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]
"""Any number that can be written down."""
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
Moment: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
"""Unix seconds that can be written as a date."""
