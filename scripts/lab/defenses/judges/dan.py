"""DAN: texts whose state, where the label is read, lies far from what clean texts of any class have, layer by layer.

Chen et al., "Expose Backdoors on the Way: A Feature-Based Efficient Defense against Textual Backdoor Attacks", Findings
of EMNLP 2022 (arXiv 2210.07907). Class means and one shrunk covariance are fitted per layer on four fifths of the clean
texts. A text's squared Mahalanobis distance to the nearest mean is standardized on the other fifth, and the mean over
layers is its score. The authors' `min`, the layer in which a text looks least clean, is their other choice.

Departures: the authors flag a wanted share of clean texts; here the threshold spends the budget. They say nothing of
what a flagged text is answered with; see `Detector`.
"""

from collections.abc import Sequence

import numpy as np

from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.conformal import Floats
from scripts.lab.defenses.judges.detector import Detector
from scripts.lab.defenses.judges.states import states_read
from scripts.texts.corpora import Example

SHRINKAGE = 0.1
"""Share of the mean variance in every neuron's; what scikit-learn's `ShrunkCovariance` has, which the authors use."""
FITTED = 0.8
"""Share of the texts that means and covariance are fitted on; the rest standardizes."""


class Dan(Detector):
    """Scores by the distance to the nearest class."""

    NAME = "dan"
    TAKES_PAIRS = True

    def fit(self, examples: Sequence[Example]) -> None:
        """See `Detector`."""
        texts, labels = zip(*examples, strict=True)
        states = states_read(self.classifier, texts)
        n_fitted = round(FITTED * len(texts))
        self._layers = [
            ClassDistance(states[:n_fitted, layer], np.array(labels[:n_fitted])) for layer in range(states.shape[1])
        ]
        held_out = self._distances(states[n_fitted:])
        self._mean, self._std = held_out.mean(axis=0), held_out.std(axis=0) + 1e-12

    def scores(self, texts: Sequence[str], _said: Sequence[Prediction]) -> Floats:
        """See `Detector`."""
        distances = self._distances(states_read(self.classifier, texts))
        return np.asarray(((distances - self._mean) / self._std).mean(axis=1))

    def _distances(self, states: Floats) -> Floats:
        """`[texts, layers, width]` -> `[texts, layers]`."""
        return np.stack([distance(states[:, layer]) for layer, distance in enumerate(self._layers)], axis=1)


class ClassDistance:
    """Squared Mahalanobis distance to the nearest of the class means, under one covariance.

    Args:
        states: `[texts, width]` of clean texts.
        labels: `[texts]`; a class without texts has no mean.
    """

    def __init__(self, states: Floats, labels: np.ndarray) -> None:
        present, number = np.unique(labels, return_inverse=True)
        self._means = np.stack([states[labels == label].mean(axis=0) for label in present])
        offsets = states - self._means[number]
        covariance = offsets.T @ offsets / len(states)
        spherical = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        # The pseudo-inverse, since a layer that says the same of all texts has no inverse.
        self._precision = np.linalg.pinv((1 - SHRINKAGE) * covariance + SHRINKAGE * spherical, hermitian=True)

    def __call__(self, states: Floats) -> Floats:
        """`[texts, width]` -> `[texts]`."""
        offsets = states[:, None] - self._means
        return np.asarray(np.einsum("tcw,wv,tcv->tc", offsets, self._precision, offsets, optimize=True).min(axis=1))
