"""BadActs: texts that drive many neurons out of their usual range; such a text is answered by a model that cannot.

Yi et al., "BadActs: A Universal Backdoor Defense in the Activation Space", Findings of ACL 2024 (arXiv 2405.11227).
The state after every layer that the label is read of, the first token's as a rule, is compared with each neuron's mean
and deviation on clean texts: a text is the more suspicious the fewer neurons lie within `DEVIATIONS`. A flagged text is
purified: it gets the label that the model gives it while the states of all tokens are held in learned bounds, see
`bounds`.

Departures: means, deviations and bounds are of those texts of the first half that the model classifies right. The
authors' detection takes in the wrong ones, and their bounds are learned on both halves, that of the threshold too. They
flag a wanted share of clean texts (0.2 where they purify); here the threshold spends the budget. They learn longer,
see `bounds`.
"""

from collections.abc import Sequence

import numpy as np

from handler.xgraad.model.prediction import Prediction, predict
from handler.xgraad.scoring.conformal import Floats
from scripts.console.errors import LabError
from scripts.lab.defenses.judges.bounds import bounded_logits, learn_bounds
from scripts.lab.defenses.judges.detector import Detector
from scripts.lab.defenses.judges.states import states_read
from scripts.texts.corpora import Example

DEVIATIONS = 3.0
"""Standard deviations from a neuron's mean that are usual: three in the authors' script that purifies, or else two."""
ROUNDING = 1e-5
"""What a state may differ by from one batch to another: no neuron is unusual for that, even one that never moves."""


class BadActs(Detector):
    """Scores by the share of unusual neurons, and purifies."""

    NAME = "badacts"
    TAKES_PAIRS = True

    def fit(self, examples: Sequence[Example]) -> None:
        """See `Detector`.

        Raises:
            LabError: the model is right about none of the texts.
        """
        said = self.classifier.predictions([each.text for each in examples])
        texts = [each.text for each, found in zip(examples, said, strict=True) if found.label_id == each.label]
        if not texts:
            rule = f"must have texts that the model classifies right, it is wrong about all {len(examples)} looked at"
            raise LabError(f"--data {rule}; give texts of its task, with labels as the model numbers them")
        states = states_read(self.classifier, texts)
        self._mean, self._std = states.mean(axis=0), states.std(axis=0)
        self._bounds = learn_bounds(self.classifier, texts, seed=self.material.seed)

    def scores(self, texts: Sequence[str], _said: Sequence[Prediction]) -> Floats:
        """See `Detector`."""
        return unusual_share(states_read(self.classifier, texts), self._mean, self._std)

    def instead(self, texts: Sequence[str], said: Sequence[Prediction]) -> list[Prediction]:
        """What the model says within its bounds."""
        return predict(bounded_logits(self.classifier, texts, self._bounds), self.classifier.labels)


def unusual_share(states: Floats, mean: Floats, std: Floats) -> Floats:
    """Share of neurons that lie further than `DEVIATIONS` from their mean.

    Args:
        states: `[texts, layers, width]`.
        mean: `[layers, width]` of clean texts.
        std: `[layers, width]` of clean texts.

    Returns:
        `[texts]`.
    """
    return np.asarray((np.abs(states - mean) > DEVIATIONS * std + ROUNDING).mean(axis=(1, 2)))
