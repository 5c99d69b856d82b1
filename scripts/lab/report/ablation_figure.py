"""The paper's Figure 4: what each signal achieves alone, over all victims."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.lab.report.style import BLUE, FAINT, GREEN, INK, ORANGE, PAPER, new_figure, plain_axes
from scripts.results.rows import Row

SIGNALS = (
    ("attention", "attention alone", BLUE, "s"),
    ("gradient", "gradient alone", GREEN, "^"),
    ("product", "product (X-GRAAD)", ORANGE, "o"),
)
"""Name in the row, name in the figure, color, marker."""
LANE = 0.24


def ablation_figure(rows: Sequence[Row], names: Sequence[str]) -> Figure:
    """ASR and CACC at percentile 95 of each victim with each signal; `names` are the victims'."""
    figure = new_figure(9.6, 1.5 + 0.72 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, figure_name, title in (
        (left, "asr", "Attack success (lower is better)"),
        (right, "cacc", "Clean accuracy (higher is better)"),
    ):
        _panel(axes, rows, figure_name)
        axes.set_title(title, loc="left")
        axes.set_xlabel("share of texts; the bar is the undefended model")
    left.set_yticks(range(len(rows)), list(names))
    left.set_ylim(len(rows) - 0.45, -0.55)
    left.set_xlim(-0.03, 1.16)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=len(SIGNALS), frameon=False)
    return figure


def ablation_title(rows: Sequence[Row]) -> str:
    """What the figure shows."""
    means = [f"{name} {np.mean([row['ablation'][signal]['asr'] for row in rows]):.3f}" for signal, name, *_ in SIGNALS]
    over = "one victim" if len(rows) == 1 else f"{len(rows)} victims, mean"
    return f"ASR at percentile 95, {over}: {', '.join(means)}"


def _panel(axes: Axes, rows: Sequence[Row], figure: str) -> None:
    for place, row in enumerate(rows):
        undefended = float(row["undefended"][figure])
        axes.vlines(undefended, place - 0.38, place + 0.38, color=INK, linewidth=1.6)
    for lane, (signal, name, color, marker) in enumerate(SIGNALS):
        places = [place + (lane - 1) * LANE for place in range(len(rows))]
        values = [float(row["ablation"][signal][figure]) for row in rows]
        axes.scatter(values, places, color=color, marker=marker, s=56, edgecolor=PAPER, label=name, zorder=3)
        for value, height in zip(values, places, strict=True):
            _value(axes, value, height)
    for place in range(len(rows) - 1):
        axes.axhline(place + 0.5, color=FAINT, linewidth=0.5)
    axes.margins(x=0.3)
    plain_axes(axes, grid="x")


def _value(axes: Axes, value: float, place: float) -> None:
    """A number to the right of its marker, readable where it crosses the bar."""
    ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8}
    axes.annotate(
        f"{value:.3f}", (value, place), (8, 0), textcoords="offset points", va="center", fontsize=9, bbox=ground
    )
