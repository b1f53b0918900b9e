"""Reasons that no program of this version gives: what they speak of is not collected yet.

They stand in the table because conditions are planned for as a whole; the page of conditions marks them. Who
makes the first use of one takes it out here, and a test sees to that.
"""

from typing import Final

from llmmonitor_api.conditions import reasons_content as content

NOT_SAID_YET: Final = frozenset(
    {
        # data validation
        content.REQUESTS_VALID,
        content.INVALID_REQUESTS,
        # interactions
        content.TOXICITY,
    }
)
