"""A reply with several labels in the form of one with a single label, as the page and the terminal show replies.

The labels stand side by side as one. Of the decisions the first, which is the worst, lends its score and its changed
text; the words to blame are those of all.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from handler.page.measure import Document

NO_LABEL = "no label"
_SCORES = ("anomaly_score", "gate_score", "threshold", "p_value")
_CHANGED = ("neutralized_text", "neutralized_text_pair")
MAX_NAMED = 3
"""Words that a line about one label names."""


def as_single(document: Document) -> Document:
    """The document as of a single label; any other one as it is."""
    if "labels" not in document:
        return document
    found = {name: value for name, value in document.items() if name not in ("labels", "label_ids")}
    defense = document.get("defense")
    if defense is not None and "decisions" in defense:
        found["defense"] = _defense(defense)
    return found | {"label": _joined(document["labels"]), "score": None}


def told_of_labels(document: Document) -> tuple[tuple[str, str], ...]:
    """For each label about which anything was found, its name and what that was; nothing of a single label."""
    decisions: Sequence[Document] = (document.get("defense") or {}).get("decisions", [])
    return tuple((str(each["label"]), _told(each)) for each in decisions)


def _defense(defense: Document) -> dict[str, Any]:
    decisions: Sequence[Document] = defense["decisions"]
    first: Document = decisions[0] if decisions else {}
    changed = next((each for each in decisions if each["neutralized_text"] is not None), {})
    return {
        **{name: value for name, value in defense.items() if name != "decisions"},
        "undefended": _prediction(defense["undefended"]),
        "defended": _prediction(defense["defended"]),
        "suspects": _suspects(decisions),
        **{name: first.get(name) for name in _SCORES},
        **{name: changed.get(name) for name in _CHANGED if name == _CHANGED[0] or name in changed},
    }


def _prediction(labels: Document | None) -> dict[str, Any]:
    return {"label": _joined(labels["labels"] if labels else None), "score": None}


def _joined(labels: Sequence[str] | None) -> str | None:
    return None if labels is None else ", ".join(labels) or NO_LABEL


def _suspects(decisions: Sequence[Document]) -> list[Mapping[str, Any]]:
    """Those of all labels, each place once, in the order of the text."""
    places = {(each.get("part", ""), each["start"]): each for decision in decisions for each in decision["suspects"]}
    return [places[place] for place in sorted(places)]


def _told(decision: Document) -> str:
    words = list(dict.fromkeys(f"“{each['word']}”" for each in decision["suspects"]))
    if not words:
        return "the text stands out for this label, and no word of it passed for a trigger"
    named = ", ".join(words[:MAX_NAMED]) + (f" and {len(words) - MAX_NAMED} more" if len(words) > MAX_NAMED else "")
    if not decision["label_changed"]:
        return f"{named} found; the label is the same without"
    return f"{named} {'raises' if decision['undefended']['has_label'] else 'silences'} it"
