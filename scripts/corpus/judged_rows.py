"""Verdicts as rows of a table: the columns of the output, and what stands in them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import pyarrow

from handler.answers.document import MAX_SUSPECTS
from handler.wire.paired import PARTS
from handler.xgraad import Verdict
from handler.xgraad.words.pair import is_pair, place_in

SUSPECT = pyarrow.struct(
    [
        ("word", pyarrow.string()),
        ("part", pyarrow.string()),
        ("start", pyarrow.int32()),
        ("end", pyarrow.int32()),
        ("replacement", pyarrow.string()),
    ]
)
COLUMNS = [
    ("file", pyarrow.string()),
    ("row", pyarrow.int64()),
    ("label", pyarrow.string()),
    ("label_id", pyarrow.int32()),
    ("score", pyarrow.float64()),
    ("undefended_label", pyarrow.string()),
    ("undefended_label_id", pyarrow.int32()),
    ("flagged", pyarrow.bool_()),
    ("verified", pyarrow.bool_()),
    ("tested", pyarrow.bool_()),
    ("action", pyarrow.string()),
    ("gate_score", pyarrow.float64()),
    ("p_value", pyarrow.float64()),
    ("truncated", pyarrow.bool_()),
    ("suspects", pyarrow.list_(SUSPECT)),
    ("pass", pyarrow.int16()),
    ("error", pyarrow.string()),
]
"""Of every output; `row` counts from 0 in its file, `pass` from 1; all but these and `file` are null in an error row,
and `error` is null in all others."""
TEXT_COLUMN = ("text", pyarrow.string())
"""With the texts beside them; of a pair both, as one string. Null in error rows."""


class RowPlace(NamedTuple):
    """Where a row comes from."""

    file: str
    row: int


def schema(*, keep_text: bool) -> pyarrow.Schema:
    """Of the output."""
    return pyarrow.schema([*COLUMNS, *([TEXT_COLUMN] if keep_text else [])])


def verdict_row(place: RowPlace, text: str, verdict: Verdict, number: int) -> dict[str, Any]:
    """A row of the output, with its text.

    Args:
        place: of the text.
        text: as it was judged.
        verdict: of it.
        number: of the pass, from 1 up.
    """
    return {
        **place._asdict(),
        "label": verdict.label,
        "label_id": verdict.label_id,
        "score": verdict.score,
        "undefended_label": verdict.undefended.label,
        "undefended_label_id": verdict.undefended.label_id,
        "flagged": verdict.flagged,
        "verified": verdict.verified,
        "tested": verdict.tested,
        "action": verdict.action.value,
        "gate_score": verdict.gate_score,
        "p_value": verdict.p_value,
        "truncated": verdict.truncated,
        "suspects": list(_suspects(text, verdict)),
        "pass": number,
        "error": None,
        "text": text,
    }


def error_row(place: RowPlace, fault: str, number: int) -> dict[str, Any]:
    """A row that has no verdict, and why."""
    return {
        **dict.fromkeys(name for name, _ in [*COLUMNS, TEXT_COLUMN]),
        **place._asdict(),
        "pass": number,
        "error": fault,
    }


def table_of(rows: Iterable[dict[str, Any]], *, keep_text: bool) -> pyarrow.Table:
    """The rows as a table."""
    return pyarrow.Table.from_pylist(list(rows), schema=schema(keep_text=keep_text))


def _suspects(text: str, verdict: Verdict) -> Iterable[dict[str, Any]]:
    """The first ones, with spans of the text as it came, of a pair in the part that they stand in."""
    for each in verdict.suspects[:MAX_SUSPECTS]:
        part, start, end = place_in(text, each.start, each.end) if is_pair(text) else (0, each.start, each.end)
        yield {
            "word": each.word,
            "part": PARTS[part],
            "start": start,
            "end": end,
            "replacement": each.replacement,
        }
