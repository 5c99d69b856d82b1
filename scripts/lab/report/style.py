"""How figures look: colors told apart by everybody, text of 9 points or more, and nothing that needs color alone."""

import re
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, FAINT, PAPER = "#1f2328", "#8c959f", "#ffffff"
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"
"""Of Okabe and Ito's palette."""
VARIABLES = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    PAPER: "var(--page)",
    BLUE: "var(--blue)",
    ORANGE: "var(--orange)",
    GREEN: "var(--green)",
}
"""What each color is called in the page, which has another one for the dark."""
SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "hatch.linewidth": 0.8,
    "text.parse_math": False,
    "svg.fonttype": "none",
}
NO_METADATA = {"Creator": None, "Date": None, "Format": None, "Type": None}
PNG_DPI = 144
MAX_WORD_CHARS = 24


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def styled() -> Any:
    """A context in which figures are made and saved."""
    return mpl.rc_context(SETTINGS)


def svg_of(figure: Figure, name: str) -> str:
    """A figure as SVG, the same bytes every time; `name` keeps its ids apart from those of other figures."""
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        buffer = BytesIO()
        figure.savefig(buffer, format="svg", metadata=NO_METADATA)
    return buffer.getvalue().decode("utf-8")


def write_png(figure: Figure, path: Path) -> None:
    """A figure as a picture."""
    with styled(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(path, format="png", dpi=PNG_DPI)


def inline(svg: str) -> str:
    """An SVG document as an element of the page: scalable, in the page's colors, without ids that nothing refers to."""
    element = svg[svg.index("<svg") :]
    head, body = element.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    for color, variable in VARIABLES.items():
        body = body.replace(color, variable)
    return f'<svg {box[0] if box else ""} aria-hidden="true" focusable="false">{body}'


def plain_axes(axes: Axes, *, grid: str) -> None:
    """Ticks without marks, and faint lines behind the data along `x` or `y`."""
    axes.set_axisbelow(True)
    axes.tick_params(length=0)
    axes.grid(axis="x" if grid == "x" else "y", color=FAINT, alpha=0.35, linewidth=0.6)


def shortened(word: str) -> str:
    """A word that fits beside a bar."""
    return word if len(word) <= MAX_WORD_CHARS else word[: MAX_WORD_CHARS - 1] + "…"
