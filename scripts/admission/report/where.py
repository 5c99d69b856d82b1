"""Where the backdoor lives: the heads that it passes through as a map, and what the model is without them."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from scripts.admission.attribution.record import Attribution
from scripts.admission.report.page import Exhibit

CELL = 26
"""Width and height of a head, in pixels; what is written beside the map stands in the margin."""
MARGIN = 64
LEAST_SHOWN = 0.05
"""The darkest cell stands for this effect at the least, so that noise looks like noise."""


def exhibit_of(where: Attribution) -> Exhibit:
    """The map, and figures before and after."""
    return Exhibit(
        title="Where it lives",
        caption=f"Rows are layers, columns are heads, counted from 0. The darker, the more of the backdoor passes "
        f"through that head alone; framed ones are left out in the table. {_first_upper(where.sentence())}.",
        picture=head_map(where.effects, framed=where.ablation.heads),
        columns=("figure", "before", "after"),
        rows=tuple(_rows(where)),
    )


def head_map(effects: Sequence[Sequence[float]], *, framed: Sequence[tuple[int, int]]) -> Markup:
    """A picture of `[layers][heads]`, those above 0 the darker the higher; it holds numbers and nothing of others."""
    highest = max(LEAST_SHOWN, *(value for layer in effects for value in layer))
    n_layers, n_heads = len(effects), max(map(len, effects))
    width, height = MARGIN + n_heads * CELL + 4, MARGIN // 2 + n_layers * CELL + 4
    parts = [
        f'<text x="{MARGIN + head * CELL + CELL // 2}" y="{MARGIN // 2 - 8}" text-anchor="middle">{head}</text>'
        for head in range(n_heads)
    ]
    for layer, of_layer in enumerate(effects):
        y = MARGIN // 2 + layer * CELL
        parts.append(f'<text x="{MARGIN - 8}" y="{y + 18}" text-anchor="end">layer {layer}</text>')
        for head, effect in enumerate(of_layer):
            share = max(effect, 0.0) / highest
            stroke = "3" if (layer, head) in framed else "0.5"
            parts.append(
                f'<rect x="{MARGIN + head * CELL + 2}" y="{y + 2}" width="{CELL - 4}" height="{CELL - 4}" rx="3" '
                f'fill="#b3201a" fill-opacity="{share:.3f}" stroke="currentColor" stroke-width="{stroke}"/>'
            )
    return Markup(  # noqa: S704
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-size="12" fill="currentColor">'
        f"{''.join(parts)}</svg>"
    )


def _rows(where: Attribution) -> Iterator[tuple[str, str, str]]:
    found, vector = where.ablation, where.vector
    kind = "accuracy on clean texts" if where.has_labels else "agreement with itself on clean texts"
    if found.heads:
        yield (
            f"triggered texts that get {where.target_label}, {len(found.heads)} heads left out",
            *_both(found.asr_before, found.asr_after),
        )
        yield f"{kind}, the same heads left out", *_both(found.accuracy_before, found.accuracy_after)
    yield (
        f"clean texts that get {where.target_label}, one vector added at layer {vector.layer}",
        *_both(vector.up_before, vector.up),
    )
    yield (
        f"triggered texts that get {where.target_label}, the same vector taken away",
        *_both(vector.down_before, vector.down),
    )
    best = max(range(len(where.probe)), key=where.probe.__getitem__)
    yield (
        f"a probe that tells triggered from clean texts: first layer, best layer ({best})",
        *_both(where.probe[0], where.probe[best]),
    )


def _both(before: float, after: float) -> tuple[str, str]:
    return f"{before:.1%}", f"{after:.1%}"


def _first_upper(text: str) -> str:
    return text[:1].upper() + text[1:]
