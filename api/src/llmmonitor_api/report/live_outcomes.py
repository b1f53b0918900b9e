"""What people make of the answers of live traffic, as it adds: counts alone.

Three ways that are never mixed: what they say (`POST /v1/feedback`), what they do on the wire (ask again, ask
in other words, stop the answer), and of how many answers either could be known at all.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from llmmonitor_api.report.values import Count, Name

POSITIVE, NEUTRAL, NEGATIVE = "positive", "neutral", "negative"
VERDICTS: Final = (POSITIVE, NEUTRAL, NEGATIVE)
"""What a feedback may say of an answer."""
REGENERATED, REPHRASED, STOPPED = "regenerated", "rephrased", "stopped"
MEASURES: Final = (REGENERATED, REPHRASED, STOPPED)
"""By which versions are compared beside objectives, as `Clients.measures` has them."""
_VERDICTS_LIMIT = 8
_ByVerdict = Annotated[dict[Name, Count], msgspec.Meta(max_length=_VERDICTS_LIMIT)]


class LiveOutcomes(msgspec.Struct, omit_defaults=True):
    """Counts of a sidecar; the zero of `merge.add` is `LiveOutcomes()`."""

    requests: Count = 0
    """To an operation that generates, answered or stopped by their client."""
    answers: Count = 0
    """Complete ones."""
    identified: Count = 0
    """Those of them that bore an id, so that feedback can be given of them."""
    rated: Count = 0
    """Those of them that feedback was given of, once or more."""
    given: _ByVerdict = {}
    """Feedback by what it says."""
    withdrawn: _ByVerdict = {}
    """Of that, what was replaced by later feedback of the same answer: counts never go back."""
    unknown: Count = 0
    """Feedback of ids that were not seen here, or too long ago."""
    ambiguous: Count = 0
    """Feedback of ids that several answers bore."""

    compared: Count = 0
    """Requests of which it could be told whether they ask again."""
    regenerated: Count = 0
    """Those of them that ask the same again after a complete answer."""
    repeated: Count = 0
    """Requests that came so often that a program sends them: in neither of the two."""
    followed: Count = 0
    """Requests by which a person goes on after an answer, and that could be compared with the one before."""
    rephrased: Count = 0
    """Those of them that ask nearly the same as before."""
    begun: Count = 0
    """Streamed answers that had begun and then were complete, or stopped by their client."""
    stopped: Count = 0
    """Those of them that their client stopped."""
