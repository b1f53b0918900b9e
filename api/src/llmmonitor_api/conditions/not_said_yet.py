"""Reasons that no program of this version gives: what they speak of is not collected yet.

They stand in the table because conditions are planned for as a whole; the page of conditions marks them. Who
makes the first use of one takes it out here, and a test sees to that.
"""

from typing import Final

from llmmonitor_api.conditions import reasons_content as content
from llmmonitor_api.conditions import reasons_performance as performance

NOT_SAID_YET: Final = frozenset(
    {
        # drift, data validation
        content.NO_DRIFT,
        content.INPUT_DRIFT,
        content.OUTPUT_DRIFT,
        content.REQUESTS_VALID,
        content.INVALID_REQUESTS,
        # interactions
        content.PROMPT_INJECTION,
        content.JAILBREAK,
        content.PROMPT_LEAKED,
        content.PII_EXPOSED,
        content.SECRETS_EXPOSED,
        content.REFUSALS_HIGH,
        content.TOXICITY,
        content.REPETITION,
        content.EMPTY_ANSWERS,
        content.FLOOD,
        content.MANY_SHOT,
        content.ENCODED_CONTENT,
        content.PATTERN_FOUND,
        content.DETECTOR_SUSPENDED,
        content.CLIENTS_NOT_DISTINGUISHABLE,
        # versions
        performance.NO_DIFFERENCE,
        performance.BETTER,
        performance.WORSE,
        performance.INCONCLUSIVE,
        performance.CONFOUNDED_BY_TIME,
        performance.ONE_VERSION,
    }
)
