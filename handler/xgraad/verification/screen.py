"""Words that clean texts have not shown: each is tried on one short clean text, whatever the gate says.

The gate and the scores look at what the model does inside, which an attacker may train away. This looks at what a word
does. It needs no memory, so it holds for the first text as for any other, and it is cheap: few words are new, the text
is a handful of tokens, and what a word did once it does again. Most new words are one token of the vocabulary; what
those do is tried at calibration, before the first text. A word that turns that text is no trigger for that; it makes
its own text one to examine.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.verification.probes import Piece, Place, Probe
from handler.xgraad.words.encoding import NO_WORD, Encoding
from handler.xgraad.words.text import Word
from handler.xgraad.words.vocabulary import VocabularyWord

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
        inert: tokens that are a word each and turn none of the texts, see `inert_tokens`; not tried again.
    """

    def __init__(
        self,
        classifier: Classifier,
        texts: Sequence[Probe | None],
        *,
        is_new: Callable[[str], bool],
        inert: Collection[int] = frozenset(),
    ) -> None:
        self._classifier = classifier
        self._texts = tuple(texts)
        self._is_new = is_new
        self._inert = inert
        self._turns: OrderedDict[Trial, bool] = OrderedDict()

    def __call__(self, encodings: Sequence[Encoding], predictions: Sequence[Prediction]) -> list[tuple[Word, ...]]:
        """For each text its new words that turn a clean text of another label to its own."""
        trials = [
            {word: self._trial(word, prediction) for word in self._untried(encoding)}
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

    def inert_tokens(self, words: Iterable[VocabularyWord]) -> set[int]:
        """Those of the vocabulary's words that turn none of the texts, whatever the label that they are tried for."""
        inert = {word.token_id for word in words}
        for source in (label for label, probe in enumerate(self._texts) if probe):
            tried = sorted(inert)
            rows = [self._row(source, Piece((token_id,), (token_id,))) for token_id in tried]
            predicted = self._classifier.logits(rows).argmax(dim=-1).tolist()
            inert -= {token_id for token_id, label in zip(tried, predicted, strict=True) if label != source}
        return inert

    def _untried(self, encoding: Encoding) -> list[Word]:
        """The new words of which nobody knows yet that they do nothing."""
        tokens = _distinct_words(encoding)
        return [
            word
            for word, token_ids in tokens.items()
            if self._is_new(word.key) and not (len(token_ids) == 1 and token_ids[0] in self._inert)
        ]

    def _trial(self, word: Word, prediction: Prediction) -> Trial | None:
        """On a text of the most probable other label that has one; None where none has."""
        source = next((label for label in prediction.next_labels() if self._texts[label]), None)
        return None if source is None else Trial(word.text, prediction.label_id, source)

    def _try(self, trials: Sequence[Trial]) -> dict[Trial, bool]:
        """Whether each trial's text is predicted as its target."""
        rows = [self._row(trial.source, Piece.of(trial.text, self._classifier.encode)) for trial in trials]
        predicted = self._classifier.logits(rows).argmax(dim=-1).tolist()
        return {trial: label == trial.target for trial, label in zip(trials, predicted, strict=True)}

    def _row(self, source: int, piece: Piece) -> Encoding:
        """The text of a label that has one, with a word in its middle."""
        probe = self._texts[source]
        return self._classifier.encode.with_template(probe.with_pieces([piece], Place.INSIDE) if probe else ())


def _distinct_words(encoding: Encoding) -> dict[Word, list[int]]:
    """The words inside the model's window with their tokens, each where it stands first, in text order."""
    first: dict[str, int] = {}
    tokens: dict[Word, list[int]] = {}
    for token_id, index in zip(encoding.token_ids, encoding.word_of_token, strict=True):
        if index != NO_WORD and first.setdefault(encoding.words[index].key, index) == index:
            tokens.setdefault(encoding.words[index], []).append(token_id)
    return tokens
