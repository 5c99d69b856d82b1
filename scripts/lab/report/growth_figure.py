"""How the time of each pass grows with the length of texts, from a row of `results/speed.jsonl`."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from scripts.lab.report.style import BLUE, GREEN, INK, ORANGE, PAPER, new_figure, plain_axes
from scripts.results.rows import Row

PASSES = (
    ("plain", "plain model", INK, "o", "-"),
    ("scoring", "scoring", BLUE, "s", "-"),
    ("official", "the published script's scoring", ORANGE, "^", (0, (4, 2))),
    ("verified", "verified, whole call", GREEN, "D", "-"),
    ("paper", "paper, whole call", GREEN, "v", (0, (1, 1.5))),
)
"""Name in the row, name in the figure, color, marker, line."""


def growth_figure(row: Row) -> Figure:
    """Milliseconds of wall clock for each text against its length, both logarithmic; a panel for each batch size."""
    batches = sorted({cost["batch"] for cost in row["costs"]})
    figure = new_figure(9.6, 3.9)
    panels = figure.subplots(1, len(batches), sharey=True, squeeze=False)[0]
    for axes, batch in zip(panels, batches, strict=True):
        _panel(axes, row, batch)
        axes.set_title(f"{batch} {'text' if batch == 1 else 'texts'} a call", loc="left")
        axes.set_xlabel("tokens of a text")
    panels[0].set_ylabel("ms per text")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False)
    return figure


def growth_title(row: Row) -> str:
    """What the figure shows: how much longer the longest texts take than the shortest, in the largest batch."""
    batch = max(cost["batch"] for cost in row["costs"])
    ends = [(name, _line(row, key, batch)) for key, name, *_ in PASSES]
    shortest, longest = (pick(ends[0][1])[0] for pick in (min, max))
    times = [f"{name} {max(points)[1] / min(points)[1]:.0f}" for name, points in ends if points]
    return f"From {shortest} to {longest} tokens the time for a text grows so many times: {', '.join(times)}"


def _panel(axes: Axes, row: Row, batch: int) -> None:
    lengths: set[int] = set()
    for key, name, color, marker, line in PASSES:
        points = _line(row, key, batch)
        lengths |= {tokens for tokens, _ in points}
        axes.plot(
            *zip(*points, strict=True), color=color, marker=marker, linestyle=line, label=name, markeredgecolor=PAPER
        )
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(sorted(lengths)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    plain_axes(axes, grid="y")


def _line(row: Row, name: str, batch: int) -> Sequence[tuple[int, float]]:
    """Tokens and milliseconds, in order of tokens."""
    costs = [cost for cost in row["costs"] if (cost["name"], cost["batch"]) == (name, batch)]
    return sorted((cost["tokens"], 1000 * cost["seconds_per_text"]) for cost in costs)
