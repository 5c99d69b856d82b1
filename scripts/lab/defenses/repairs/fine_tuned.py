"""What repairs share that train: which model, on what and how; each says where it departs from fine-tuning."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from scripts.lab.defenses.base import Repair
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.victim import Loss, classification_loss, load_base, save_checkpoint
from scripts.texts.corpora import Example
from scripts.texts.model_classes import model_classes


class FineTuned(Repair):
    """Trains the suspect checkpoint further on the clean texts."""

    EPOCHS: ClassVar[int] = 3
    LEARNING_RATE: ClassVar[float] = 1e-4
    """Its highest value. Published ones (2e-5) are for larger encoders and tens of thousands of texts."""

    def write(self, out: Path) -> None:
        """See `Repair`."""
        model, tokenizer = self.start()
        self.train(model, tokenizer)
        save_checkpoint(model.cpu(), tokenizer, out, label_names=model_classes(self.material.checkpoint))

    def start(self) -> tuple[Any, Any]:
        """The model to train, and its tokenizer. Here: the suspect."""
        return self.suspect()

    def examples(self) -> Sequence[Example]:
        """What it learns from. Here: the clean texts."""
        return self.material.clean_examples()

    def loss(self) -> Loss:
        """What training lowers. Here: cross-entropy."""
        return classification_loss

    def train(self, model: Any, tokenizer: Any) -> None:
        """Train in place. Here: once, as the class says."""
        self.fit(model, tokenizer, self.examples(), loss=self.loss())

    def fit(
        self,
        model: Any,
        tokenizer: Any,
        examples: Sequence[Example],
        *,
        loss: Loss = classification_loss,
        epochs: int | None = None,
    ) -> None:
        """One training by the recipe of the class, or for other epochs than its."""
        self.tuner(epochs).fit(model, tokenizer, examples, loss=loss)

    def tuner(self, epochs: int | None = None) -> Tuner:
        """The loop by the recipe of the class, or for other epochs than its."""
        asked = self.material.learning_rate
        recipe = Recipe(
            epochs=epochs or self.EPOCHS,
            learning_rate=self.LEARNING_RATE if asked is None else asked,
            max_length=self.material.max_length,
            seed=self.material.seed,
            precision=self.material.precision,
        )
        return Tuner(recipe=recipe, device=self.material.device, progress=True)

    def suspect(self) -> tuple[Any, Any]:
        """The suspect checkpoint, ready to be trained."""
        return load_base(self.material.checkpoint, n_labels=self.n_labels())

    def base(self) -> tuple[Any, Any]:
        """The trusted base under a new head.

        Raises:
            LabError: there is none, or it cannot be loaded.
        """
        return load_base(self.material.base(), n_labels=self.n_labels(), seed=self.material.seed)

    def n_labels(self) -> int:
        """Classes of the suspect."""
        return len(model_classes(self.material.checkpoint) or ())
