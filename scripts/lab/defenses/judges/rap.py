"""RAP: a rare word is taught to lower the confidence in a label; on attacked texts it hardly does.

Yang, Lin, Li, Zhou and Sun, "RAP: Robustness-Aware Perturbations for Defending against Backdoor Attacks on NLP Models",
EMNLP 2021, arXiv 2110.07831.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from handler.xgraad.model.prediction import Prediction
from handler.xgraad.words.encoding import Encoding
from scripts.lab.defenses.judges.detector import Detector
from scripts.lab.defenses.judges.perturbation import Perturbation, rare_word
from scripts.lab.training.victim import load_base
from scripts.texts.corpora import Example


class Rap(Detector):
    """Teaches the word once for each label, and judges a text by the word of the label that the model gives it.

    Departures from the paper, whose defender protects one label that is known to be the target:

    - every label has its own word vector, learned on the texts of that label that the model gets right. Drops in
      confidence are compared with those of clean texts that get the same label: suspicious is a text when few of them
      drop as little as it does, and among equals the one that drops least;
    - the vector is learned for longer where the drop that is wanted is not reached (see `perturbation`);
    - with more than two labels a text belongs to the one that is predicted, not to one that is above 0.5;
    - the threshold comes from clean texts that the word was not taught on, by the budget.

    The word is one that clean texts do not have. That it is no trigger, no defender can know; OpenBackdoor's default is
    one. Attacks that train against a gap in robustness get by (arXiv 2204.05758).
    """

    NAME = "rap"

    def fit(self, examples: Sequence[Example]) -> None:
        """Teach the word, for each label on the clean texts of that label."""
        texts = [example.text for example in examples]
        self._word = rare_word(self.classifier.encode, texts)
        model, _ = load_base(self.material.checkpoint, n_labels=len(self.classifier.labels))
        model.to(self.material.device)
        self._perturbed = Perturbation(model, self.classifier.encode, self._word, seed=self.material.seed)
        said, n_labels = self.classifier.predictions(texts), len(self.classifier.labels)
        for label in range(n_labels):
            rows = [row for row, example in enumerate(examples) if example.label == label == said[row].label_id]
            plain = torch.tensor([said[row].score for row in rows], dtype=torch.float64)
            self._perturbed.learn(label, self._with_word([texts[row] for row in rows]), plain)
        drops, labels = self.drops(texts, said)
        self._clean = [np.sort(drops[labels == label]) for label in range(n_labels)]

    def scores(self, texts: Sequence[str], said: Sequence[Prediction]) -> NDArray[np.float64]:
        """`[texts]` in [-1, 1]; the lowest for labels that no clean text has, of which nothing is known."""
        return np.array(
            [self._score(drop, self._clean[label]) for drop, label in zip(*self.drops(texts, said), strict=True)]
        )

    def drops(self, texts: Sequence[str], said: Sequence[Prediction]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """`[texts]` how far the word lowers the probability of the predicted label, and `[texts]` that label."""
        labels, drops = np.array([each.label_id for each in said], dtype=np.int64), np.zeros(len(texts))
        for label in np.unique(labels).tolist():
            rows = np.flatnonzero(labels == label).tolist()
            after = self._perturbed.probabilities(label, self._with_word([texts[row] for row in rows]))
            drops[rows] = np.array([said[row].score for row in rows]) - after.numpy()
        return drops, labels

    @staticmethod
    def _score(drop: float, clean: NDArray[np.float64]) -> float:
        n_below = np.searchsorted(clean, drop, side="right")
        within = (1 - drop) / 2
        return float((within - n_below) / (len(clean) + 1)) if len(clean) else -1.0

    def _with_word(self, texts: Sequence[str]) -> list[Encoding]:
        return self.classifier.encode([f"{self._word} {text}" for text in texts])
