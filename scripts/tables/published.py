"""What the paper printed: its Tables 1 to 4, as strings, and our names for its models, attacks and data sets."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

ARCHITECTURES = {
    "BERT": "bert",
    "DistilBERT": "distilbert",
    "ALBERT": "albert",
    "RoBERTa": "roberta",
    "DeBERTa": "deberta",
}
ATTACKS = {"BadNets": "badnets", "RIPPLES": "ripples", "LWS": "lws", "LWP": "lws", "BadPre": "badpre"}
"""LWP is what Table 4 prints; the text around it speaks of LWS."""
DATASETS = {"SST-2": "sst2", "IMDb": "imdb", "AG's News": "ag_news"}
X_GRAAD = "X-GRAAD"
METHODS = {"ONION": "onion", "RAP": "rap", "FT": "ft", "MEFT": "meft", "PURE": "pure", X_GRAAD: "paper"}
"""The paper's names in its order, and ours of what was measured here."""
NOT_REPORTED = "–"

Record = dict[str, str]
"""`model`, `attack`, `dataset`, `figure` in the paper's words, and for each of `METHODS` the cell as printed."""


def records(number: int) -> list[Record]:
    """The cells of Table 1, 2, 3 or 4, in the order of the paper."""
    found: list[Record] = _document()["tables"][str(number)]
    return found


def source() -> str:
    """Where the numbers come from."""
    return f"{_document()['source']}. {_document()['transcription']}"


def printed(number: int, *, method: str = X_GRAAD, **wanted: str) -> str:
    """One cell as printed, a dash where the paper has none; `wanted` are fields of a `Record`."""
    matches = (row for row in records(number) if all(row[name] == value for name, value in wanted.items()))
    return next((row[method] for row in matches), NOT_REPORTED)


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files(__package__).joinpath("published.json").read_text(encoding="utf-8"))
    return document
