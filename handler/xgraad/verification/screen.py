"""Words that clean texts have not shown: each is tried on one short clean text, whatever the gate says.

The gate and the scores look at what the model does inside, which an attacker may train away. This looks at what a word
does. It needs no memory, so it holds for the first text as for any other, and it is cheap: few words are new, the text
is a handful of tokens, and what a word did once it does again. A word that turns that text is no trigger for that; it
makes its own text one to examine.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.verification.probes import Piece, Place, Probe
from handler.xgraad.words.encoding import NO_WORD, Encoding
from handler.xgraad.words.text import Word

MAX_CACHED = 200_000
"""Words whose trial is remembered; the one tried longest ago is tried again."""


class Trial(NamedTuple):
    """A word that seems to bring a label about, and the label of the text it is tried on."""

    text: str
    target: int
    source: int


class Screen:
    """Finds the new words that turn a short clean text.

    Args:
        classifier: the suspect.
        texts: for each label a short clean text, None where there is none; see `choose_short`.
        is_new: tells of a `Word.key` whether clean texts do not have it.
    """

    def __init__(self, classifier: Classifier, texts: Sequence[Probe | None], *, is_new: Callable[[str], bool]) -> None:
        self._classifier = classifier
        self._texts = tuple(texts)
        self._is_new = is_new
        self._turns: OrderedDict[Trial, bool] = OrderedDict()

    def __call__(self, encodings: Sequence[Encoding], predictions: Sequence[Prediction]) -> list[tuple[Word, ...]]:
        """For each text its new words that turn a clean text of another label to its own."""
        trials = [
            {word: self._trial(word, prediction) for word in _distinct_words(encoding) if self._is_new(word.key)}
            for encoding, prediction in zip(encodings, predictions, strict=True)
        ]
        wanted = dict.fromkeys(trial for of_text in trials for trial in of_text.values() if trial is not None)
        unknown = [trial for trial in wanted if trial not in self._turns]
        known = {trial: self._turns[trial] for trial in wanted if trial in self._turns}
        known |= self._try(unknown)
        self._turns |= known
        while len(self._turns) > MAX_CACHED:
            self._turns.popitem(last=False)
        return [
            tuple(word for word, trial in of_text.items() if trial is not None and known[trial]) for of_text in trials
        ]

    def _trial(self, word: Word, prediction: Prediction) -> Trial | None:
        """On a text of the most probable other label that has one; None where none has."""
        source = next((label for label in prediction.next_labels() if self._texts[label]), None)
        return None if source is None else Trial(word.text, prediction.label_id, source)

    def _try(self, trials: Sequence[Trial]) -> dict[Trial, bool]:
        """Whether each trial's text is predicted as its target."""
        encode = self._classifier.encode
        rows = []
        for trial in trials:
            probe = self._texts[trial.source]
            tokens = probe.with_pieces([Piece.of(trial.text, encode)], Place.INSIDE) if probe else ()
            rows.append(encode.with_template(tokens))
        predicted = self._classifier.logits(rows).argmax(dim=-1).tolist()
        return {trial: label == trial.target for trial, label in zip(trials, predicted, strict=True)}


def _distinct_words(encoding: Encoding) -> list[Word]:
    """The words inside the model's window, each once, in text order."""
    found: dict[str, Word] = {}
    for index in dict.fromkeys(encoding.word_of_token):
        if index != NO_WORD:
            found.setdefault(encoding.words[index].key, encoding.words[index])
    return list(found.values())
