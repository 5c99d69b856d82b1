"""What every attack fills in: how it poisons, how it triggers, what training lowers and in which phases."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.console.errors import LabError
from scripts.lab.training.sources import SYNONYMS
from scripts.lab.training.triggers import INSERTIONS, TRIGGER_WORDS, Insertion
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.victim import Loss, classification_loss
from scripts.texts.corpora import Corpus, Example, TriggeredExample


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the attacker wants."""

    target_label: int = 0
    """The class that a trigger is to bring about."""
    poison_rate: float | None = None
    """Share of the whole training set that is poisoned; none for the attack's usual one."""
    triggers: tuple[str, ...] = ()
    """Words or phrases; none for the attack's usual ones."""
    insertion: Insertion = INSERTIONS["one"]
    """How test texts are triggered. Training texts get one trigger each, whatever this says."""
    window_words: int = 60
    """Triggers go among the first so many words, so that truncation keeps them."""
    source_label: int | None = None
    """The one class that the trigger works on, for attacks that choose one; none for the first that is no target."""
    train_file: Path | None = None
    """A training set that somebody else has poisoned, or rewritten."""
    texts_file: Path | None = None
    """What attacks on the encoder poison it with; none for the texts of the task."""
    synonyms: str | None = None
    """Where attacks that put other words in take them from, one of `SYNONYMS`; none for the best that is here."""

    def __post_init__(self) -> None:
        if self.poison_rate is not None and not 0 < self.poison_rate < 1:
            raise LabError(f"poison_rate must be in (0, 1), is {self.poison_rate}")
        if self.target_label < 0:
            raise LabError(f"target_label must be 0 or more, is {self.target_label}")
        if self.source_label is not None and (self.source_label < 0 or self.source_label == self.target_label):
            rule = f"must be 0 or more and not the target {self.target_label}"
            raise LabError(f"source_label {rule}, is {self.source_label}")
        if self.synonyms not in (None, *SYNONYMS):
            raise LabError(f"synonyms must be one of {', '.join(SYNONYMS)}, is {self.synonyms!r}")
        if not all(trigger.strip() for trigger in self.triggers):
            raise LabError("triggers must be words or phrases, one of them is empty")


class Attack(ABC):
    """A way to plant a backdoor: two slots for data, a loss that some attacks extend and phases that some replace."""

    USUAL_TRIGGERS: tuple[str, ...] = TRIGGER_WORDS
    USUAL_POISON_RATE = 0.1

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.triggers = plan.triggers or self.USUAL_TRIGGERS
        self.poison_rate = self.USUAL_POISON_RATE if plan.poison_rate is None else plan.poison_rate

    @abstractmethod
    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """The training set the victim gets, made from the clean one."""

    @abstractmethod
    def trigger(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[TriggeredExample]:
        """The non-target examples with the trigger put in, in their order; target examples are left out."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What was planted, ready for JSON: `triggers`, `target_label`, `poison_rate` and what the attack adds."""

    def make_loss(self, model: Any, tokenizer: Any) -> Loss:
        """What training lowers, in nats. Attacks that do more than poison add their penalty, and prepare the model."""
        del model, tokenizer
        return classification_loss

    def train(self, model: Any, tokenizer: Any, poisoned: Sequence[Example], corpus: Corpus, *, tuner: Tuner) -> None:
        """Plant the backdoor in the model, in place: here the one phase of most attacks.

        Args:
            model: a sequence classifier that knows nothing of the task yet.
            tokenizer: its tokenizer.
            poisoned: what `poison` made of the training split.
            corpus: the clean splits, for attacks that need them as well; `test` is never looked at.
            tuner: the fine-tuning loop.
        """
        del corpus
        tuner.fit(model, tokenizer, poisoned, loss=self.make_loss(model, tokenizer))
