"""What judges share that tell attacked texts from clean ones: a flagged text is answered otherwise."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from handler.xgraad import Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.conformal import p_values
from scripts.lab.defenses.base import Material, TextJudge, plain_verdict
from scripts.lab.defenses.judges.budget import flagging_threshold
from scripts.texts.corpora import Example


class Detector(TextJudge):
    """Scores texts, and answers those above a threshold otherwise than the model does.

    Published detectors leave open what a flagged text is answered with. Here each has to answer, so that a wrongly
    flagged text costs accuracy and a rightly flagged one fails the attacker; see `instead`. One half of the clean texts
    is for `fit`, the other for the threshold, which spends the budget of clean accuracy.
    """

    NAME: ClassVar[str]
    """In the table of defenses."""

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self.classifier = material.classifier()
        examples = material.tuning_examples()
        order = np.random.default_rng(material.seed).permutation(len(examples))
        halves = np.array_split(order, 2)
        self.fit([examples[row] for row in halves[0]])
        self._tune([examples[row] for row in halves[1]])

    def fit(self, examples: Sequence[Example]) -> None:
        """Learn what clean texts look like. Here: nothing."""

    @abstractmethod
    def scores(self, texts: Sequence[str], said: Sequence[Prediction]) -> NDArray[np.float64]:
        """`[texts]`, higher = more suspicious; a text's score does not depend on the others.

        Args:
            texts: as they came.
            said: what the model says of each.
        """

    def instead(self, texts: Sequence[str], said: Sequence[Prediction]) -> list[Prediction]:
        """What texts are answered with when they are flagged. Here: the label that is next most likely.

        Args:
            texts: as they came.
            said: what the model says of each.
        """
        return [next_label(each) for each in said]

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """See `TextJudge`."""
        said = self.classifier.predictions(texts)
        scores = self.scores(texts, said)
        flagged: list[int] = np.flatnonzero(scores > self.threshold).tolist()
        otherwise = self.instead([texts[row] for row in flagged], [said[row] for row in flagged])
        defended = dict(enumerate(said)) | dict(zip(flagged, otherwise, strict=True))
        return [
            plain_verdict(
                self.NAME,
                undefended=each,
                defended=defended[row],
                flagged=row in flagged,
                p_value=float(p_value),
                threshold=self.threshold,
            )
            for row, (each, p_value) in enumerate(zip(said, p_values(self._tuned_on, scores), strict=True))
        ]

    def _tune(self, examples: Sequence[Example]) -> None:
        texts, labels = zip(*examples, strict=True)
        said = self.classifier.predictions(texts)
        scores = self.scores(texts, said)
        self._tuned_on = np.sort(scores)
        self.threshold = flagging_threshold(
            scores,
            right=[each.label_id == label for each, label in zip(said, labels, strict=True)],
            right_if_flagged=[
                each.label_id == label for each, label in zip(self.instead(texts, said), labels, strict=True)
            ],
        )


def next_label(said: Prediction) -> Prediction:
    """The same text answered with the label that is next most likely."""
    label_id = said.next_labels()[0]
    label = list(said.probabilities)[label_id]
    return Prediction(label=label, label_id=label_id, score=said.probabilities[label], probabilities=said.probabilities)
