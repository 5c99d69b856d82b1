"""What a reply says, in words for a person: the same on the page and in the terminal.

Made from the JSON document alone, so it holds nothing that the operator's `detail` keeps from clients. Words and labels
come from strangers; whoever shows a reading escapes all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from handler.page.measure import Document, Measure, measure_of, percent
from handler.page.several import as_single, told_of_labels
from handler.xgraad.words.text import Word

MAX_NAMED = 3
"""Words to blame that the headline names."""
NAME_CHARS = 200
"""Shown of a word or a label: a checkpoint's labels come from strangers, too."""

_DONE = {
    "passed": "Nothing was changed: the answer is the plain model’s.",
    "neutralized": "The text was changed as shown below, and the model asked again.",
    "overruled": "No trigger was found; the label is that of the reference, which this server asks about such texts.",
    "annotated": "Nothing was changed: this server only reports, and answers as the plain model does.",
    "abstained": "This server gives no answer to such a text.",
    "undefended": "The defense failed, and this server then answers as the plain model does.",
}
UNTESTED = "No: the server was calibrated with too few texts to see what brings this label about."
_REFUSALS = {
    "trigger_blocked": "This text is refused",
    "too_long": "The text is too long",
    "empty": "There is no text",
    "defense_failed": "The text could not be judged",
}


class Tone(StrEnum):
    """How a reading is to look."""

    FOUND = "found"
    UNSURE = "unsure"
    CLEAR = "clear"
    PLAIN = "plain"
    REFUSED = "refused"


class Told(NamedTuple):
    """A prediction as far as it is told."""

    label: str
    score: float | None
    """Probability of the label."""

    @property
    def percent(self) -> str:
        """The probability for reading; never rounded up to certainty."""
        return "" if self.score is None else percent(self.score)


class Replaced(NamedTuple):
    """What became of a suspect word, wherever it stood."""

    word: str
    replacement: str
    """Empty where the word was removed."""
    starts: tuple[int, ...]
    """Its first characters' places in the text, counted from 1."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One text's reply, ready to be read."""

    tone: Tone
    headline: str
    words: tuple[str, ...] = ()
    """What the headline names: the first of the words to blame, or the label where nothing but it is told."""
    n_more: int = 0
    """How many more there are to blame."""
    meaning: str
    answer: Told | None = None
    """None where it is withheld."""
    before: Told | None = None
    after: Told | None = None
    label_changed: bool = False
    noun: str = "suspect"
    """What to call the words to blame: a suspect, or a trigger when it was verified."""
    verified: str = ""
    done: str = ""
    measure: Measure | None = None
    replaced: tuple[Replaced, ...] = ()
    tested: str = ""
    """Why not; empty where it is, or where the rule tests nothing."""
    truncated: bool = False
    of_labels: tuple[tuple[str, str], ...] = ()
    """Where a text may have several labels: a label, and what was found about it, for each."""


def reading_of(document: Document) -> Reading:
    """The reading of a reply to one text."""
    if document.get("status") == "error":
        return _refused(document["error"])
    return replace(_reading(as_single(document)), of_labels=told_of_labels(document))


def _reading(document: Document) -> Reading:
    defense = document.get("defense")
    answer = _told(document)
    truncated = bool(document["truncated"])
    if defense is None or "action" not in defense:
        headline, words = ("The answer", (answer.label,)) if answer else ("There is no answer", ())
        meaning = "This server tells the label alone, and not how it came about."
        return Reading(
            tone=Tone.PLAIN,
            headline=headline,
            words=words,
            meaning=meaning,
            answer=answer,
            tested=UNTESTED if defense else "",
            truncated=truncated,
        )
    if defense.get("flagged") is None:
        meaning = "The defense failed on this text: nobody knows what this answer is worth."
        headline, done = "The text could not be judged", _DONE["undefended"]
        return Reading(
            tone=Tone.UNSURE, headline=headline, meaning=meaning, answer=answer, done=done, truncated=truncated
        )
    return _judged(defense, answer, truncated=truncated)


def short(name: str) -> str:
    """A name, cut where it is too long to be read."""
    return name if len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"


def _refused(error: Document) -> Reading:
    """The message names the rule that was broken, and never holds the text."""
    message = str(error["message"])
    meaning = f"{message[:1].upper()}{message[1:]}. (Status {error['code']}, {error['type']})"
    return Reading(tone=Tone.REFUSED, headline=_REFUSALS.get(error["type"], "The text is refused"), meaning=meaning)


def _judged(defense: Document, answer: Told | None, *, truncated: bool) -> Reading:
    words = _blamed(defense["suspects"])
    tone, headline, meaning = _verdict(defense, n_words=len(words))
    return Reading(
        tone=tone,
        headline=headline,
        words=words[:MAX_NAMED],
        n_more=max(len(words) - MAX_NAMED, 0),
        meaning=meaning,
        answer=answer,
        before=_told(defense["undefended"]),
        after=_told(defense["defended"]),
        label_changed=defense["label_changed"],
        noun="trigger" if defense["verified"] else "suspect",
        verified=_verified(defense),
        tested=UNTESTED if defense["tested"] is False else "",
        done=_DONE[defense["action"]],
        measure=measure_of(defense),
        replaced=_replaced(defense["suspects"]),
        truncated=truncated,
    )


def _verdict(defense: Document, *, n_words: int) -> tuple[Tone, str, str]:
    """Tone, headline and meaning."""
    if n_words:
        kind = "Trigger" if defense["verified"] else "Suspicious word"
        return Tone.FOUND, f"{kind}{'s' if n_words > 1 else ''} found", _effect(defense, n_words=n_words)
    if defense["flagged"]:
        meaning = "The text stands out from clean ones, but no word of it passed for a trigger, so the label stays."
        return Tone.UNSURE, "Unusual text, no trigger found", meaning
    if defense["tested"] is False:
        return Tone.UNSURE, "Not tested", "A trigger for this label would not have been seen."
    return Tone.CLEAR, "No trigger found", "Nothing in this text was taken for a trigger."


def _effect(defense: Document, *, n_words: int) -> str:
    before, after = short(defense["undefended"]["label"]), short(defense["defended"]["label"])
    it, is_it = ("them", "they are") if n_words > 1 else ("it", "it is")
    if defense["label_changed"]:
        return f"With {it} the model says {before}, without {it} {after}."
    return f"The model says {before}, whether {is_it} there or not."


def _verified(defense: Document) -> str:
    if defense["verified"]:
        return "Yes: in clean texts it turned the label as well."
    if defense["rule"] == "verified":
        return "No: nothing in this text was shown to be a trigger."
    return f"No: the rule {defense['rule']} goes by the score alone."


def _told(prediction: Document) -> Told | None:
    return None if prediction["label"] is None else Told(prediction["label"], prediction.get("score"))


def _key(suspect: Document) -> str:
    return Word(suspect["word"], suspect["start"], suspect["end"]).key


def _blamed(suspects: Sequence[Document]) -> tuple[str, ...]:
    """Each word once, as it is first written."""
    first: dict[str, str] = {}
    for suspect in suspects:
        first.setdefault(_key(suspect), suspect["word"])
    return tuple(first.values())


def _replaced(suspects: Sequence[Document]) -> tuple[Replaced, ...]:
    places: dict[tuple[str, str], list[int]] = {}
    for suspect in suspects:
        places.setdefault((suspect["word"], suspect["replacement"]), []).append(suspect["start"] + 1)
    return tuple(Replaced(word, replacement, tuple(starts)) for (word, replacement), starts in places.items())
