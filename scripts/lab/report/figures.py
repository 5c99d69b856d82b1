"""The paper's Figures 2, 3 and 5 for one victim, from a row of `results/signals.jsonl`."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.lab.report.style import BLUE, FAINT, INK, ORANGE, PAPER, new_figure, plain_axes, shortened
from scripts.results.rows import Row

N_BINS = 36
MAX_WORDS = 22
"""Words of the example that are shown, those around the top word."""
PAPER_PERCENTILE = 95.0
PANELS = (
    ("attention", "attention", "Largest attention score (Eq. 5)", "attention received above the mean"),
    ("gradient", "gradient", "Largest gradient score (Eq. 6)", "multiple of the mean gradient"),
    ("anomaly", "product", "Anomaly score (Eq. 8)", "product of the two"),
)
"""Name of the scores, name in the ablation, title, unit."""
KINDS = (("clean", "clean", BLUE, ""), ("triggered", "attacked", ORANGE, "////"))


def score_figure(row: Row) -> Figure:
    """Figure 2: how the three scores of clean and of attacked texts are distributed."""
    figure = new_figure(9.6, 4.0)
    grid = figure.subplots(2, len(PANELS), sharex="col", squeeze=False)
    for column, (scores, channel, title, unit) in enumerate(PANELS):
        threshold = float(row["ablation"][channel]["threshold"])
        values = [np.array(row["signals"][kind][scores]) for kind, *_ in KINDS]
        both = np.concatenate([*values, [threshold]])
        bins = np.linspace(min(0.0, float(both.min())), float(both.max()) * 1.02 + 1e-9, N_BINS + 1)
        for line, (_, name, color, hatch) in enumerate(KINDS):
            _distribution(grid[line, column], values[line], bins, threshold, color=color, hatch=hatch)
            if column == 0:
                grid[line, column].set_ylabel(f"{name}\nshare of texts")
        grid[0, column].set_title(title, loc="left")
        grid[1, column].set_xlabel(unit)
    return figure


def score_title(row: Row) -> str:
    """What Figure 2 shows."""
    threshold = float(row["ablation"]["product"]["threshold"])
    clean, attacked = (_share_above(row["signals"][kind]["anomaly"], threshold) for kind in ("clean", "triggered"))
    return f"{attacked:.0%} of attacked texts score above the threshold that {clean:.0%} of clean texts exceed"


def sweep_figure(row: Row) -> Figure:
    """Figure 3: ASR and CACC of the paper's rule at every percentile."""
    figure = new_figure(9.6, 3.2)
    left, right = figure.subplots(1, 2)
    _sweep_panel(left, row, "asr", color=ORANGE, name="Attack success (lower is better)")
    _sweep_panel(right, row, "cacc", color=BLUE, name="Clean accuracy (higher is better)")
    left.set_ylim(-0.12, 1.12)
    return figure


def sweep_title(row: Row) -> str:
    """What Figure 3 shows."""
    first, last = row["sweep"][0], row["sweep"][-1]
    return (
        f"From percentile {first['percentile']:.0f} to {last['percentile']:.0f} ASR goes from {first['asr']:.3f} to "
        f"{last['asr']:.3f}, CACC from {first['cacc']:.3f} to {last['cacc']:.3f}"
    )


def word_figure(row: Row) -> Figure:
    """Figure 5: attributions in one attacked text, and the mean over all of them by word."""
    words = _window([(str(word), float(value)) for word, value in row["example"]["words"]])
    means = [(f"{shortened(each['word'])} ({each['n']})", float(each["mean"])) for each in row["mean_attributions"]]
    planted = {word.casefold() for trigger in row.get("triggers", ()) for word in trigger.split()}
    figure = new_figure(9.6, 1.1 + 0.235 * max(len(words), len(means), 4))
    left, right = figure.subplots(1, 2)
    _bars(left, [(shortened(word), value) for word, value in words], [word.casefold() in planted for word, _ in words])
    left.set_title("One attacked text, word by word", loc="left")
    _bars(right, means, [each["word"] in planted for each in row["mean_attributions"]])
    right.set_title("Mean over attacked texts (times seen)", loc="left")
    for axes in (left, right):
        axes.set_xlabel("attribution (Eq. 7)")
    return figure


def word_title(row: Row) -> str:
    """What Figure 5 shows."""
    ranked = sorted(((float(value), str(word)) for word, value in row["example"]["words"]), reverse=True)
    if not ranked:
        return "No word of the example is scored"
    others = f"; the next word has {ranked[1][0]:.1f}" if len(ranked) > 1 else ""
    return f"“{shortened(ranked[0][1])}” has the largest attribution, {ranked[0][0]:.1f}{others}"


def _distribution(
    axes: Axes, values: np.ndarray, bins: np.ndarray, threshold: float, *, color: str, hatch: str
) -> None:
    weights = np.full(len(values), 1 / max(len(values), 1))
    axes.hist(values, bins=bins.tolist(), weights=weights, histtype="stepfilled", color=color, alpha=0.25)
    axes.hist(values, bins=bins.tolist(), weights=weights, histtype="step", color=color, hatch=hatch, linewidth=1.4)
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
    note = f"{_share_above(values, threshold):.0%} above {threshold:.3g}"
    axes.text(0.98, 0.96, note, transform=axes.transAxes, ha="right", va="top", fontsize=9, backgroundcolor=PAPER)
    plain_axes(axes, grid="y")
    axes.margins(y=0.25)


def _sweep_panel(axes: Axes, row: Row, figure: str, *, color: str, name: str) -> None:
    percentiles = [float(point["percentile"]) for point in row["sweep"]]
    values = [float(point[figure]) for point in row["sweep"]]
    undefended = float(row["undefended"][figure])
    axes.plot(percentiles, values, color=color, linewidth=2)
    axes.axhline(undefended, color=FAINT, linewidth=1.2, linestyle=(0, (1, 1.5)))
    axes.annotate(
        f"undefended {undefended:.3f}", (percentiles[0], undefended), (0, 3), textcoords="offset points", fontsize=9
    )
    at_paper = values[percentiles.index(PAPER_PERCENTILE)]
    axes.plot([PAPER_PERCENTILE], [at_paper], marker="o", color=color, markeredgecolor=PAPER, markersize=8)
    # Both figures rise with the percentile, so the place to the right and below is free.
    axes.annotate(
        f"{at_paper:.3f}\nat 95",
        (PAPER_PERCENTILE, at_paper),
        (7, -5),
        textcoords="offset points",
        va="top",
        fontsize=9,
    )
    axes.set_title(name, loc="left")
    axes.set_xlabel("percentile of clean calibration scores")
    axes.set_ylabel("share of texts")
    axes.set_xlim(percentiles[0] - 1, 107)
    axes.set_xticks([50, 60, 70, 80, 90, 99])
    axes.margins(y=0.2)
    plain_axes(axes, grid="y")


def _bars(axes: Axes, rows: Sequence[tuple[str, float]], planted: Sequence[bool]) -> None:
    """Horizontal bars from top to bottom; those of planted words are hatched and their labels bold."""
    places = list(range(len(rows)))
    values = [value for _, value in rows]
    bars = axes.barh(places, values, height=0.72)
    for bar, is_planted in zip(bars, planted, strict=True):
        bar.set_facecolor(PAPER if is_planted else BLUE)
        bar.set_edgecolor(ORANGE if is_planted else BLUE)
        bar.set_hatch("////" if is_planted else "")
    axes.set_yticks(places, [word for word, _ in rows])
    for label, is_planted in zip(axes.get_yticklabels(), planted, strict=True):
        label.set_fontweight("bold" if is_planted else "normal")
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            f"{round(value, 1) + 0.0:.1f}",
            (max(value, 0.0), place),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.invert_yaxis()
    axes.margins(x=0.12, y=0.02)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    plain_axes(axes, grid="x")


def _window(words: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """At most `MAX_WORDS` words, the top one among them."""
    top = max(range(len(words)), key=lambda place: words[place][1], default=0)
    start = max(0, min(top - MAX_WORDS // 2, len(words) - MAX_WORDS))
    return list(words[start : start + MAX_WORDS])


def _share_above(values: Sequence[float] | np.ndarray, threshold: float) -> float:
    return float(np.mean(np.asarray(values) > threshold))
