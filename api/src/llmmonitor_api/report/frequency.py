"""A bounded table of counts by text that still merges in any order.

When more than LIMIT keys meet, the keys with the smallest hashes stay and the counts of the others become
`other` (bottom-k sampling: Cohen, Kaplan, PODC 2007). A key that survives the whole merge has survived every
part of it, so its count is exact, and the result does not depend on the order: a rule by size ("keep the
largest") would. Collectors admit far fewer keys than LIMIT, so in practice nothing is folded.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from llmmonitor_api.report.values import Count

LIMIT = 1024


class FrequencyTable(msgspec.Struct, omit_defaults=True):
    """Counts by key; what did not fit is in `other`."""

    counts: dict[str, Count] = {}
    other: Count = 0

    @property
    def total(self) -> int:
        """All counts, `other` included."""
        return sum(self.counts.values()) + self.other

    def record(self, key: str, limit: int, times: int = 1) -> None:
        """Count `key`; once `limit` keys are known, a new one counts as `other`."""
        if key in self.counts or len(self.counts) < limit:
            self.counts[key] = self.counts.get(key, 0) + times
        else:
            self.other += times

    def bounded(self) -> FrequencyTable:
        """Itself with at most LIMIT keys, those of the smallest hashes."""
        if len(self.counts) <= LIMIT:
            return self
        kept = sorted(self.counts, key=_rank)[:LIMIT]
        counts = {key: self.counts[key] for key in kept}
        return FrequencyTable(counts=counts, other=self.total - sum(counts.values()))


def _rank(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=16).digest() + key.encode()
