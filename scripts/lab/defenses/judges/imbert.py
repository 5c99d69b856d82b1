"""IMBERT: of the words with the largest gradients those whose gradient is small all the same are taken out.

He et al., "IMBERT: Making BERT Immune to Insertion-based Backdoor Attacks", TrustNLP at ACL 2023 (arXiv 2305.16503).
The predicted label's logit is differentiated by each token's embedding. Of the K tokens with the largest L2 norms those
go whose norm is below lambda: a trigger ranks first, and yet little moves a model that is so sure.

Departures: words are ranked, not tokens, each by its largest one, so that no half of a word stays; punctuation is not
ranked. The authors keep a token where it is and let nobody attend to it, or else delete it; here words are deleted.
They fix K = 4 and lambda = 1 for their models. Norms differ from model to model, so here both are tuned: of the pairs
that the budget allows it is the one with the largest lambda, since the trigger is what ranks first, and of these the
one with the largest K. That preference was settled after a look at the gradients of attacked SST-2 texts, which favors
this defense there.
"""

from collections.abc import Sequence
from itertools import product

from handler.xgraad import score_encodings
from handler.xgraad.editing.edit import edit_words
from handler.xgraad.editing.neutralizer import Delete
from handler.xgraad.scoring.scorer import Score
from handler.xgraad.words.text import Word
from scripts.lab.defenses.judges.cleaner import Cleaned, Cleaner


class Imbert(Cleaner):
    """Deletes words by their gradients."""

    NAME = "imbert"
    N_TOP = (1, 2, 3, 4)
    """Values of K, from the weakest."""
    SETTINGS = (0.0, *(2.0 ** (power / 2) for power in range(-20, 9)))
    """Values of lambda, in steps of a factor 1.4; the first takes nothing out."""

    def prepare(self) -> None:
        """See `Cleaner`."""
        self.n_top = self.N_TOP[-1]
        self._delete = Delete(self.classifier.encode)

    def cleaned(self, texts: Sequence[str], settings: Sequence[float]) -> list[list[Cleaned]]:
        """See `Cleaner`."""
        scores = self._scores(texts)
        return [self._without(scores, self.n_top, setting) for setting in settings]

    def _tuned(self) -> float:
        examples = self.material.tuning_examples()
        scores = self._scores([example.text for example in examples])
        pairs = list(product(self.SETTINGS, self.N_TOP))
        cleaned = [self._without(scores, n_top, limit) for limit, n_top in pairs]
        setting, self.n_top = pairs[self.strongest(examples, cleaned)]
        return setting

    def _scores(self, texts: Sequence[str]) -> list[Score]:
        return score_encodings(self.classifier, self.classifier.encode(texts))

    def _without(self, scores: Sequence[Score], n_top: int, limit: float) -> list[Cleaned]:
        edits = [edit_words(score, small_of_largest(score, n_top, limit), self._delete) for score in scores]
        return [Cleaned(edit.text, edit.suspects) for edit in edits]


def small_of_largest(score: Score, n_top: int, limit: float) -> list[Word]:
    """Of the `n_top` words with the largest gradients, the first of equals, those whose gradient is below the limit."""
    top = sorted(score.words, key=lambda word: -word.gradient)[:n_top]
    return [each.word for each in top if each.gradient < limit]
