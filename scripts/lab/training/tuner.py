"""The fine-tuning loop as attacks and repairs are given it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.lab.training.recipe import Recipe
from scripts.lab.training.victim import AfterEpoch, Loss, Training, classification_loss, fine_tune, predict_labels
from scripts.texts.corpora import Example, LabeledSet


@dataclass(frozen=True, kw_only=True)
class Tuner:
    """The shared fine-tuning loop with all set but the model, the examples and the loss."""

    recipe: Recipe
    device: str = "cpu"
    progress: bool = False

    def fit(
        self,
        model: Any,
        tokenizer: Any,
        examples: Sequence[Example] | Sequence[LabeledSet],
        *,
        loss: Loss = classification_loss,
        after_epoch: AfterEpoch | None = None,
    ) -> Training:
        """Train in place, as `fine_tune` does."""
        settings: dict[str, Any] = {"recipe": self.recipe, "device": self.device, "progress": self.progress}
        return fine_tune(model, tokenizer, examples, loss=loss, after_epoch=after_epoch, **settings)

    def predict(self, model: Any, tokenizer: Any, texts: Sequence[str]) -> NDArray[np.int64]:
        """The most likely class of each text."""
        return predict_labels(model, tokenizer, texts, max_length=self.recipe.max_length, device=self.device)
