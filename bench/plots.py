"""Two small plots of a bench: the ratios with their intervals and targets, and CPU per token by proxy."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.fonttype"] = "none"  # text stays text: small files
mpl.rcParams["svg.hashsalt"] = "llm-monitor"  # the same figures give the same file
from bench.comparison import Figure, limit_of  # noqa: E402 - same
from matplotlib import pyplot as plt  # noqa: E402 - only after the backend is chosen

_COLOURS = {True: "#2a7f3f", False: "#b3261e", "indistinguishable": "#8a6d00"}
_AXIS = "ratio ÷ target, 95 % interval (green: met, red: missed, ochre: indistinguishable)"


def ratios(figures: Sequence[Figure], file: Path) -> None:
    """Each row with a target as ratio ÷ target on a log axis: 1 is the target."""
    shown = [figure for figure in figures if figure.met is not None and figure.ratio and figure.interval]
    drawing, axes = plt.subplots(figsize=(9, 0.9 + 0.26 * len(shown)), layout="constrained")
    labels = []
    for row, figure in enumerate(reversed(shown)):
        limit = limit_of(figure)
        low, high = figure.interval or (0.0, 0.0)
        colour = _COLOURS[figure.met if figure.met is not None else False]
        axes.plot([low / limit, high / limit], [row, row], color=colour, linewidth=2)
        axes.plot([(figure.ratio or 0) / limit], [row], "o", color=colour, markersize=4)
        labels.append(f"{figure.name}\n{figure.subject} / {figure.peer_name} {figure.target}")
    axes.axvline(1, color="#444444", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(shown)), labels, fontsize=6)
    axes.set_xlabel(_AXIS, fontsize=7)
    axes.tick_params(axis="x", labelsize=7)
    drawing.savefig(file, metadata={"Date": None})
    plt.close(drawing)


def bars(title: str, values: dict[str, float], file: Path) -> None:
    """One bar for each subject."""
    names = [name for name in values if not name.endswith("again")]
    drawing, axes = plt.subplots(figsize=(6, 0.8 + 0.3 * len(names)), layout="constrained")
    axes.barh(names[::-1], [values[name] for name in reversed(names)], color="#3b6ea5", height=0.6)
    axes.set_title(title, fontsize=8)
    axes.tick_params(labelsize=7)
    drawing.savefig(file, metadata={"Date": None})
    plt.close(drawing)
