"""What each defense leaves of the attacks, above what a clean model gives the attacker anyway."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.lab.defenses import COLD, DEFENSES
from scripts.lab.grid.grid_rows import MEASURED, NO_ATTACK, attack_name, one_per_victim
from scripts.lab.report.style import BLUE, FAINT, INK, ORANGE, PAPER, new_figure, plain_axes
from scripts.results.rows import Row
from scripts.tables.all_defenses import named

UNDEFENDED = "no defense"
ROW_INCHES = 0.3


class Behind(NamedTuple):
    """A defense, and for each attack on a data set what gets through above the floor, in [-1, 1]."""

    name: str
    above: tuple[float, ...]
    attacks: frozenset[tuple[str, str, str]]

    @property
    def mean(self) -> float:
        """Over its attacks."""
        return sum(self.above) / len(self.above)


def behind_all(rows: Sequence[Row]) -> list[Behind]:
    """No defense, and each in the order of the table, over cells that know the floor of their attack.

    Seeds of an attack on a data set are one dot, their mean.
    """
    known = [row for row in rows if row["attack"] != NO_ATTACK and row["status"] == MEASURED and "asr_floor" in row]
    found = [_behind(UNDEFENDED, one_per_victim(known), "asr_undefended")]
    for name, combination in DEFENSES.items():
        own = [row for row in known if row["defense"] == name and row.get(combination.headline) is not None]
        found.append(_behind(named(name), own, combination.headline))
    return [each for each in found if each.above]


def above_floor_figure(found: Sequence[Behind]) -> Figure:
    """A line for each defense: a dot for each attack, and their mean."""
    figure = new_figure(9.6, 1.2 + ROW_INCHES * len(found))
    axes = figure.subplots()
    for place, each in enumerate(found):
        _draw(axes, each, place)
    axes.axvline(0, color=INK, linewidth=1.2, zorder=1)
    axes.set_yticks(range(len(found)), [f"{each.name} ({len(each.above)})" for each in found])
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlim(min(-0.06, *(min(each.above) - 0.03 for each in found)), 1.03)
    axes.set_xlabel("ASR of first texts above the floor (0 is what a clean model gives; lower is better)")
    plain_axes(axes, grid="x")
    _legend(figure, axes)
    return figure


def above_floor_title(found: Sequence[Behind]) -> str:
    """What the figure shows: the best of the defenses that met every attack.

    Where none did, that: means of different attacks do not compare. One that is shown as served has an advantage over
    first texts and does not count.
    """
    every = frozenset[tuple[str, str, str]]().union(*(each.attacks for each in found))
    defenses = [each for each in found if each.name in DEFENSES and DEFENSES[each.name].headline == COLD]
    if not defenses:
        return "No defense has been measured"
    fair = [each for each in defenses if each.attacks == every]
    if not fair:
        return f"No defense has met all {len(every)} attacks yet: means of different ones do not compare"
    best = min(fair, key=lambda each: each.mean)
    return (
        f"Above the floor {best.name} leaves the least of {len(best.above)} attacks, {best.mean:.3f} on average, "
        f"at worst {max(best.above):.3f}"
    )


def _behind(name: str, rows: Sequence[Row], field: str) -> Behind:
    by_attack: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for row in rows:
        key = attack_name(row), str(row["dataset"]), str(row["architecture"])
        by_attack[key].append(float(row[field]) - float(row["asr_floor"]))
    means = tuple(sum(values) / len(values) for values in by_attack.values())
    return Behind(name, means, frozenset(by_attack))


def _draw(axes: Axes, each: Behind, place: int) -> None:
    axes.axhline(place, color=FAINT, linewidth=0.4, alpha=0.5, zorder=0)
    axes.plot(each.above, [place] * len(each.above), marker="o", color=BLUE, markerfacecolor=PAPER, markersize=6,
              linestyle="none", zorder=3)  # fmt: skip
    axes.vlines(each.mean, place - 0.34, place + 0.34, color=ORANGE, linewidth=3, zorder=4)
    axes.text(1.045, place, f"{each.mean:.3f}", fontsize=9, va="center")


def _legend(figure: Figure, axes: Axes) -> None:
    shown = [
        axes.plot([], [], marker="o", color=BLUE, markerfacecolor=PAPER, markersize=6, linestyle="none",
                  label="an attack on a data set"),
        axes.plot([], [], marker="|", color=ORANGE, markersize=11, markeredgewidth=3, linestyle="none",
                  label="mean, written at the right"),
    ]  # fmt: skip
    handles = [handle for made in shown for handle in made]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles), frameon=False)
