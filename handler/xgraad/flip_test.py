"""The flip test: which words of a text hold its label, alone or together?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from handler.xgraad.candidates import DEFAULT_COUNTS, CandidateCounts, choose_candidates
from handler.xgraad.classifier import Classifier
from handler.xgraad.edit import edit_words
from handler.xgraad.neutralizer import Neutralizer
from handler.xgraad.scorer import Score
from handler.xgraad.text import Word
from handler.xgraad.trisection import decisive_words

N_STANDING = 2
"""Words tested of a text whose label stands whatever is removed: most texts are of that kind, so it must be cheap."""

MOST_REMOVED = 0.5
"""Share of a text's words. Without more of them a label is one of next to nothing."""


@dataclass(frozen=True)
class Flips:
    """One text's candidates, and the labels of its edits."""

    score: Score
    candidates: tuple[Word, ...]
    alone: tuple[int, ...]
    """The label without each candidate; empty where the label stands without all of them."""
    together: int
    """The label without all of them."""
    runner_up: int
    """The label next to that."""

    @property
    def label(self) -> int:
        """The label of the text as it is."""
        return self.score.prediction.label_id

    @property
    def flipping(self) -> tuple[tuple[Word, int], ...]:
        """Candidates whose removal flips the prediction, with the label it falls back to."""
        pairs = zip(self.candidates, self.alone, strict=bool(self.alone))
        return tuple((word, label) for word, label in pairs if label != self.label)

    @property
    def joint(self) -> tuple[Word, ...]:
        """All candidates, where only the removal of all of them flips."""
        return self.candidates if not self.flipping and self.together != self.label else ()

    @property
    def standing(self) -> tuple[Word, ...]:
        """The top words, where nothing flips."""
        return self.candidates[:N_STANDING] if not self.flipping and self.together == self.label else ()


class FlipTest:
    """Removes candidates and predicts again, for many texts at once."""

    def __init__(
        self, classifier: Classifier, neutralize: Neutralizer, counts: CandidateCounts = DEFAULT_COUNTS
    ) -> None:
        self._classifier = classifier
        self._neutralize = neutralize
        self._counts = counts

    def __call__(self, scores: Sequence[Score]) -> list[Flips]:
        """What flips in each text, in order; every text has at least one word.

        Candidates are removed one by one only where the removal of all of them flips, or leaves too little of the text
        to tell.
        """
        candidates = self._candidates(scores)
        together = self._labels_without([(score, words) for score, words in zip(scores, candidates, strict=True)])
        tried = [
            label != score.prediction.label_id or len(words) > MOST_REMOVED * len(score.words)
            for score, words, (label, _) in zip(scores, candidates, together, strict=True)
        ]
        edits = [
            (score, (word,))
            for score, words, is_tried in zip(scores, candidates, tried, strict=True)
            for word in words
            if is_tried
        ]
        labels = (label for label, _ in self._labels_without(edits))
        return [
            Flips(score, words, tuple(islice(labels, len(words) if is_tried else 0)), *both)
            for score, words, is_tried, both in zip(scores, candidates, tried, together, strict=True)
        ]

    def _candidates(self, scores: Sequence[Score]) -> list[tuple[Word, ...]]:
        if not self._counts.by_trisection:
            return [choose_candidates(score, counts=self._counts) for score in scores]
        decisive = decisive_words(self._classifier, scores)
        return [choose_candidates(score, [word], self._counts) for score, word in zip(scores, decisive, strict=True)]

    def _labels_without(self, edits: Sequence[tuple[Score, tuple[Word, ...]]]) -> list[tuple[int, int]]:
        """The two most probable labels of each text without the words that go with it."""
        texts = [edit_words(score, words, self._neutralize).text for score, words in edits]
        logits = self._classifier.logits(self._classifier.encode(texts))
        return [(first, second) for first, second in logits.topk(2, dim=-1).indices.tolist()]
