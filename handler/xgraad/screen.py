"""Words that clean texts have not shown: one that keeps coming up under one label is tried on a probe.

The gate and the scores look at what the model does inside, which an attacker may train away. This looks at what a word
does, whatever text it stands in. It is cheap because few words are new, fewer come up again, and most of those are let
go after one probe.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from handler.xgraad.encoding import NO_WORD, Encoding
from handler.xgraad.prediction import Prediction
from handler.xgraad.probes import place_of
from handler.xgraad.reference import Reference
from handler.xgraad.registry import Trigger
from handler.xgraad.text import Word
from handler.xgraad.transplant import Graft, Transplant
from handler.xgraad.word_set import word_hash

MAX_COUNTED = 200_000
"""Words counted at a time, each under each of its labels; the one that came up longest ago is forgotten first."""

MAX_LABELS = 2**16


class Screen:
    """Counts new words by label; each is tried once, when it comes up for the `after`-th time.

    Args:
        transplant: puts words into the suspect's clean texts.
        reference: says what has another reason than a backdoor.
        is_new: tells of a `Word.key` whether clean texts do not have it.
        after: how often a word comes up before it is tried; 0 for never.
        thresholds: strengths that a trigger of each label must exceed.
    """

    def __init__(
        self,
        transplant: Transplant,
        reference: Reference,
        *,
        is_new: Callable[[str], bool],
        after: int,
        thresholds: Sequence[float],
    ) -> None:
        self._transplant = transplant
        self._reference = reference
        self._is_new = is_new
        self._after = after
        self._thresholds = thresholds
        self._counts: OrderedDict[int, int] = OrderedDict()
        """By `word_hash` and label in one number, which takes a third of a pair's memory."""

    def __call__(self, encodings: Sequence[Encoding], predictions: Sequence[Prediction]) -> list[Trigger]:
        """The triggers among the words that are due with these texts. `after` 0 means that none ever is."""
        due = {
            _graft(encoding, word, prediction): word
            for encoding, prediction in zip(encodings, predictions, strict=True)
            for word in _distinct_words(encoding)
            if self._is_due(word, prediction.label_id)
        }
        strengths = self._transplant.strengths([*due])
        strong = [
            graft for graft, strength in zip(due, strengths, strict=True) if strength > self._thresholds[graft.target]
        ]
        return [
            Trigger(frozenset([due[graft].key]), graft.target)
            for graft, is_explained in zip(strong, self._reference.explains(strong), strict=True)
            if not is_explained
        ]

    def _is_due(self, word: Word, label: int) -> bool:
        """Count the word, and say whether now is when to try it."""
        if not self._after or not self._is_new(word.key):
            return False
        place = word_hash(word.key) * MAX_LABELS + label
        self._counts[place] = count = self._counts.get(place, 0) + 1
        self._counts.move_to_end(place)
        if len(self._counts) > MAX_COUNTED:
            self._counts.popitem(last=False)
        return count == self._after


def _distinct_words(encoding: Encoding) -> list[Word]:
    """The words inside the model's window, each once, in text order."""
    found: dict[str, Word] = {}
    for index in dict.fromkeys(encoding.word_of_token):
        if index != NO_WORD:
            found.setdefault(encoding.words[index].key, encoding.words[index])
    return list(found.values())


def _graft(encoding: Encoding, word: Word, prediction: Prediction) -> Graft:
    """The word, to be put where it stood into texts of the class that comes next."""
    source = prediction.next_labels()[0]
    return Graft(pieces=(word.text,), place=place_of(word, encoding.words), target=prediction.label_id, source=source)
