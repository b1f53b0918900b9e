"""Judges: spec + state + environment + now → conditions, status document, events.

Pure, and one file per condition. `gather.absorb.absorb` makes the state, once per report; the state that an
evaluation returns goes into the next one, since it remembers what held.
"""

from llmmonitor_operator.evaluate.environment import Environment, ExpectedPod
from llmmonitor_operator.evaluate.evaluation import Evaluation, evaluate
from llmmonitor_operator.evaluate.transitions import Transition
from llmmonitor_operator.evaluate.window_sums import WindowSums

__all__ = ["Environment", "Evaluation", "ExpectedPod", "Transition", "WindowSums", "evaluate"]
