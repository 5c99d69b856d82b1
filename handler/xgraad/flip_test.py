"""The flip test: which words of a text hold its label, alone or together?"""

from collections.abc import Sequence
from dataclasses import dataclass

from handler.xgraad.candidates import DEFAULT_COUNTS, CandidateCounts, choose_candidates
from handler.xgraad.classifier import Classifier
from handler.xgraad.edit import edit_words
from handler.xgraad.neutralizer import Neutralizer
from handler.xgraad.scorer import Score
from handler.xgraad.text import Word

N_STANDING = 2
"""Words tested of a text whose label stands whatever is removed: most texts are of that kind, so it must be cheap."""


@dataclass(frozen=True)
class Flips:
    """One text's candidates, and the labels of its edits."""

    score: Score
    candidates: tuple[Word, ...]
    alone: tuple[int, ...]
    """The label without each candidate."""
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
        pairs = zip(self.candidates, self.alone, strict=True)
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
        """What flips in each text, in order; every text has at least one word."""
        candidates = [choose_candidates(score, self._counts) for score in scores]
        texts = [
            edit_words(score, part, self._neutralize).text
            for score, words in zip(scores, candidates, strict=True)
            for part in (*((word,) for word in words), words)
        ]
        labels = iter(self._classifier.logits(self._classifier.encode(texts)).topk(2, dim=-1).indices.tolist())
        flips = []
        for score, words in zip(scores, candidates, strict=True):
            *alone, (together, runner_up) = (next(labels) for _ in range(len(words) + 1))
            first = tuple(label for label, _ in alone)
            flips.append(Flips(score, words, alone=first, together=together, runner_up=runner_up))
        return flips
