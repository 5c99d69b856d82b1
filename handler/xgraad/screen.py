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
from handler.xgraad.registry import Trigger
from handler.xgraad.text import Word
from handler.xgraad.transplant import Graft, Transplant
from handler.xgraad.word_set import word_hash

MAX_COUNTED = 200_000
"""Words counted at a time, each under each of its labels; the one that came up longest ago is forgotten first."""

MAX_LABELS = 2**16


class Screen:
    """Counts new words by label; each is tried once, when it comes up for the `after`-th time.

    `is_new` tells of a `Word.key` whether clean texts do not have it. `threshold` is the higher one all the same, of
    words that they have: in time every word of a language comes up often enough, and no flip test has pointed at it.
    """

    def __init__(self, transplant: Transplant, *, is_new: Callable[[str], bool], after: int, threshold: float) -> None:
        self._transplant = transplant
        self._is_new = is_new
        self._after = after
        self._threshold = threshold
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
        return [
            Trigger(frozenset([word.key]), graft.target)
            for (graft, word), strength in zip(due.items(), strengths, strict=True)
            if strength > self._threshold
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
    by_label = list(prediction.probabilities.values())
    source = max((label for label in range(len(by_label)) if label != prediction.label_id), key=by_label.__getitem__)
    return Graft(pieces=(word.text,), place=place_of(word, encoding.words), target=prediction.label_id, source=source)
