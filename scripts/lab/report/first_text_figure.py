"""What an attacker's first text reaches behind a defense, beside what it reaches with a clean model."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.lab.defenses import DEFENSES
from scripts.lab.grid.grid_rows import attack_name, one_per_victim
from scripts.lab.report.behind_defenses import after_a_sweep
from scripts.lab.report.entries import Number, defended, floor, mean_of
from scripts.lab.report.style import BLUE, FAINT, GREEN, INK, ORANGE, PAPER, new_figure, plain_axes
from scripts.results.rows import Row
from scripts.results.shares import interval_of
from scripts.tables.grid_tables import GROUPS

OTHERS = "others"
ORDER = (*GROUPS, OTHERS)
ROW_INCHES = 0.3
MARKS = (
    ("served", "served", GREEN, "s", 0.27),
    ("swept", "served after a sweep", ORANGE, "^", -0.27),
)
"""Name in `Dot`, name in the figure, color, marker, and rows below the first text, so that none hides another."""


Key = tuple[str, str, str]
"""Attack, data set and architecture."""


class Dot(NamedTuple):
    """One attack on one data set and architecture, over its seeds; shares in [0, 1]."""

    kind: str
    name: str
    cold: float
    low: float
    high: float
    """Bounds of `cold`: the interval of one seed, or the range of several and their intervals."""
    floor: Number
    served: Number
    swept: Number


def cells_of(rows: Sequence[Row], name: str) -> list[Dot]:
    """What the defense of this name does to each attack, by kind of attack; cells without a first text are left out.

    Args:
        rows: measured ones of attacks, whatever the defense; each may have the floor of its attack.
        name: in `DEFENSES`.
    """
    of_name = _by_key(row for row in rows if row["defense"] == name and row.get("asr_cold") is not None)
    swept = _by_key(after_a_sweep(rows, name))
    every = _by_key(rows)
    ordered = sorted(of_name, key=lambda key: (ORDER.index(_kind(of_name[key])), key))
    return [
        _cell(key, of_name[key], every[key], swept.get(key, []), remembers=DEFENSES[name].remembers) for key in ordered
    ]


def first_text_figure(cells: Sequence[Dot]) -> Figure:
    """A line for each attack: the first text with its interval, what is served, and the floor."""
    lines = list(_lines(cells))
    figure = new_figure(9.6, 1.2 + ROW_INCHES * len(lines))
    axes = figure.subplots()
    for place, line in enumerate(lines):
        if isinstance(line, Dot):
            _draw(axes, line, place)
    axes.set_yticks(range(len(lines)), [line.name if isinstance(line, Dot) else line for line in lines])
    for label, line in zip(axes.get_yticklabels(), lines, strict=True):
        label.set_fontweight("normal" if isinstance(line, Dot) else "bold")
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share of attacked texts that reach the attacker's label (lower is better)")
    plain_axes(axes, grid="x")
    _legend(figure, axes, cells)
    return figure


def first_text_title(name: str, cells: Sequence[Dot]) -> str:
    """What the figure shows."""
    with_floor = [cell for cell in cells if cell.floor is not None]
    mean = mean_of(cell.cold for cell in cells)
    told = f"{name}: the first text of {len(cells)} attacks gets through in {mean:.3f} of cases on average"
    if not with_floor:
        return told
    low, cold = mean_of(cell.floor for cell in with_floor), mean_of(cell.cold for cell in with_floor)
    return f"{told}; where a clean model was asked, {cold:.3f} against its {low:.3f}"


def _by_key(rows: Iterable[Row]) -> dict[Key, list[Row]]:
    found: defaultdict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        found[attack_name(row), str(row["dataset"]), str(row["architecture"])].append(row)
    return found


def _kind(rows: Sequence[Row]) -> str:
    attack = str(rows[0]["attack"])
    return next((kind for kind, attacks in GROUPS.items() if attack in attacks), OTHERS)


def _cell(key: Key, rows: Sequence[Row], every: Sequence[Row], swept: Sequence[Row], *, remembers: bool) -> Dot:
    bounds = [interval_of(row, "asr_cold", "n_scored") or (row["asr_cold"], row["asr_cold"]) for row in rows]
    return Dot(
        kind=_kind(rows),
        name=" · ".join(key),
        cold=sum(row["asr_cold"] for row in rows) / len(rows),
        low=min(low for low, _ in bounds),
        high=max(high for _, high in bounds),
        floor=mean_of(map(floor, one_per_victim(every))),
        served=mean_of(map(defended("asr_defended"), rows)) if remembers else None,
        swept=mean_of(map(defended("asr_defended"), swept)),
    )


def _lines(cells: Sequence[Dot]) -> Iterator[Dot | str]:
    """The cells, and above the first of each kind its name."""
    last = None
    for cell in cells:
        if cell.kind != last:
            yield cell.kind
            last = cell.kind
        yield cell


def _draw(axes: Axes, cell: Dot, place: int) -> None:
    axes.axhline(place, color=FAINT, linewidth=0.4, alpha=0.5, zorder=0)
    if cell.floor is not None:
        axes.vlines(cell.floor, place - 0.36, place + 0.36, color=INK, linewidth=1.8)
    axes.hlines(place, cell.low, cell.high, color=BLUE, linewidth=2)
    axes.plot([cell.cold], [place], marker="o", color=BLUE, markeredgecolor=PAPER, markersize=7.5, zorder=4)
    axes.text(1.035, place, f"{cell.cold:.3f}", fontsize=9, va="center")
    for name, _, color, marker, shift in MARKS:
        value = getattr(cell, name)
        if value is not None:
            axes.plot([value], [place + shift], marker=marker, color=color, markerfacecolor=PAPER, markersize=5,
                      linestyle="none", zorder=5)  # fmt: skip


def _legend(figure: Figure, axes: Axes, cells: Sequence[Dot]) -> None:
    """What the marks mean, of those that there are."""
    shown = [axes.plot([], [], marker="o", color=BLUE, linewidth=2, label="first text, 95 % interval")]
    if any(cell.floor is not None for cell in cells):
        shown.append(
            axes.plot([], [], marker="|", color=INK, markersize=11, markeredgewidth=1.8, linestyle="none",
                      label="floor: a clean model")
        )  # fmt: skip
    for name, label, color, marker, _ in MARKS:
        if any(getattr(cell, name) is not None for cell in cells):
            shown.append(
                axes.plot([], [], marker=marker, color=color, markerfacecolor=PAPER, markersize=5, linestyle="none",
                          label=label)
            )  # fmt: skip
    handles = [handle for made in shown for handle in made]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False)
