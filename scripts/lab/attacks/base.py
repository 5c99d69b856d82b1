"""What every attack fills in: how it poisons, how it triggers, and what training lowers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handler.xgraad.errors import LabError
from scripts.lab.corpora import Example, TriggeredExample
from scripts.lab.triggers import INSERTIONS, TRIGGER_WORDS, Insertion
from scripts.lab.victim import Loss, classification_loss


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the attacker wants."""

    target_label: int = 0
    """The class that a trigger is to bring about."""
    poison_rate: float = 0.1
    """Share of the whole training set that is poisoned."""
    triggers: tuple[str, ...] = ()
    """Words or phrases; none for the attack's usual ones."""
    insertion: Insertion = INSERTIONS["one"]
    """How test texts are triggered. Training texts get one trigger each, whatever this says."""
    window_words: int = 60
    """Triggers go among the first so many words, so that truncation keeps them."""
    train_file: Path | None = None
    """A training set that somebody else has poisoned."""

    def __post_init__(self) -> None:
        if not 0 < self.poison_rate < 1:
            raise LabError(f"poison_rate must be in (0, 1), is {self.poison_rate}")
        if self.target_label < 0:
            raise LabError(f"target_label must be 0 or more, is {self.target_label}")
        if not all(trigger.strip() for trigger in self.triggers):
            raise LabError("triggers must be words or phrases, one of them is empty")


class Attack(ABC):
    """A way to plant a backdoor: two slots for data, and a loss that some attacks extend."""

    USUAL_TRIGGERS: tuple[str, ...] = TRIGGER_WORDS

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.triggers = plan.triggers or self.USUAL_TRIGGERS

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
