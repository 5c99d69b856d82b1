"""What judges share that only tell attacked texts from clean ones: a flagged text gets the next most likely label."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from handler.xgraad import Verdict
from handler.xgraad.model.prediction import Prediction, predict
from handler.xgraad.scoring.conformal import p_values
from scripts.lab.defenses.base import Material, TextJudge, plain_verdict
from scripts.lab.defenses.judges.budget import flagging_threshold
from scripts.texts.corpora import Example


class Detector(TextJudge):
    """Scores texts, and answers those above a threshold with the label that the model finds next most likely.

    Published detectors leave open what a flagged text is answered with. Here each has to answer, so that a wrongly
    flagged text costs accuracy and a rightly flagged one fails the attacker. One half of the clean texts is for `fit`,
    the other for the threshold, which spends the budget of clean accuracy.
    """

    NAME: ClassVar[str]
    """In the table of defenses."""

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self.classifier = material.classifier()
        examples = material.clean_examples()
        order = np.random.default_rng(material.seed).permutation(len(examples))
        halves = np.array_split(order, 2)
        self.fit([examples[row] for row in halves[0]])
        self._tune([examples[row] for row in halves[1]])

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn what clean texts look like. Here: nothing."""

    @abstractmethod
    def scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """`[texts]`, higher = more suspicious; a text's score does not depend on the others."""

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """See `TextJudge`."""
        said, scores = self._predictions(texts), self.scores(texts)
        return [
            plain_verdict(
                self.NAME,
                undefended=each,
                defended=next_label(each) if score > self.threshold else each,
                flagged=bool(score > self.threshold),
                p_value=float(p_value),
                threshold=self.threshold,
            )
            for each, score, p_value in zip(said, scores, p_values(self._tuned_on, scores), strict=True)
        ]

    def _tune(self, examples: Sequence[Example]) -> None:
        texts, labels = zip(*examples, strict=True)
        said, scores = self._predictions(texts), self.scores(texts)
        self._tuned_on = np.sort(scores)
        self.threshold = flagging_threshold(
            scores,
            right=[each.label_id == label for each, label in zip(said, labels, strict=True)],
            right_if_flagged=[next_label(each).label_id == label for each, label in zip(said, labels, strict=True)],
        )

    def _predictions(self, texts: Sequence[str]) -> list[Prediction]:
        return predict(self.classifier.logits(self.classifier.encode(texts)), self.classifier.labels)


def next_label(said: Prediction) -> Prediction:
    """The same text answered with the label that is next most likely."""
    label_id = said.next_labels()[0]
    label = list(said.probabilities)[label_id]
    return Prediction(label=label, label_id=label_id, score=said.probabilities[label], probabilities=said.probabilities)
