"""A second opinion: what a trusted model says of texts that the gate objects to and in which no trigger is found.

Attacks that insert no word (substitution, syntax, style) leave nothing to verify. Where the gate says that a text is
unlike clean ones, and a model that never saw the attacker's data gives it another label, the label is in dispute.
"""

from collections.abc import Sequence

from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.prediction import Prediction, predict


class SecondOpinion:
    """Asks a trusted model about texts.

    Args:
        trusted: a model that never saw the attacker's data.
        labels: the suspect's, whose numbers the trusted model shares.
    """

    def __init__(self, trusted: Classifier, labels: Sequence[str]) -> None:
        self._trusted = trusted
        self._labels = labels

    def disputed(self, texts: Sequence[str], said: Sequence[Prediction]) -> list[Prediction | None]:
        """For each text what the trusted model says of it where that is another label; None elsewhere."""
        if not texts:
            return []
        opinions = predict(self._trusted.logits(self._trusted.encode(texts)), self._labels)
        return [
            opinion if opinion.label_id != each.label_id else None for opinion, each in zip(opinions, said, strict=True)
        ]
