"""How requests went, in words: whose fault failures were, and the share of requests that met every objective.

The classes are those that the sidecars tell apart; a client's own mistake (4xx) is none of the model's.
"""

from __future__ import annotations

from llmmonitor_operator.evaluate import wording
from llmmonitor_operator.figures import Figures
from llmmonitor_operator.state import State
from llmmonitor_operator.windows import FIGURE_TIERS

_CLASSES = {
    "overloaded": "refused for load",
    "timed_out": "timed out",
    "server_error": "failed in the server",
    "cut_off": "cut off",
}
GOODPUT_SECONDS = 3600.0


def failures(state: State, seconds: float) -> str:
    """`40 refused for load, 3 timed out`, the most first; empty where the window is longer than is known."""
    if seconds > FIGURE_TIERS[-1].reach_seconds:
        return ""
    figures: Figures = state.window(seconds, histograms=False)
    found = [(figures.outcomes.get(outcome, 0), words) for outcome, words in _CLASSES.items()]
    found.sort(key=lambda one: -one[0])
    return ", ".join(f"{wording.count(times)} {words}" for times, words in found if times)


def goodput(state: State, figures: Figures) -> str:
    """`goodput 97.1 % over 1 h (n=4,210)`; empty before any request was judged.

    Args:
        state: for how much of the window is known.
        figures: of the last `GOODPUT_SECONDS`.
    """
    judged = figures.met_objectives + figures.missed_objectives
    begin = state.window_begin(GOODPUT_SECONDS)
    if not judged or begin is None or state.newest_at is None:
        return ""
    known = wording.duration(state.newest_at - begin)
    share = wording.share(figures.met_objectives / judged)
    return f"goodput {share} over {known} (n={wording.count(judged)})"
