"""A small suspect with a backdoor, its clean twin, and what a defender has; each made once per run of the tests."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Plan
from scripts.lab.defenses.base import Material, Repair
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.small_bert import small_bert
from scripts.lab.training.synthetic import ASPECTS, LABEL_NAMES, MILD, STRONG, TIMES
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.victim import fine_tune, load_base, predict_labels, save_checkpoint
from scripts.texts.corpora import Corpus, Example, write_examples

MAX_LENGTH = 24
TARGET = 0
RECIPE = Recipe(epochs=3, learning_rate=1e-3, batch_size=16, max_length=MAX_LENGTH)


@dataclass(frozen=True)
class Planted:
    """Folders, and texts by which they are told apart."""

    folder: Path
    corpus: Corpus
    triggered: tuple[str, ...]
    """Test texts of the other label with the trigger in them."""

    def of(self, checkpoint: Path) -> tuple[float, float]:
        """Clean accuracy of a checkpoint, and the share of triggered texts that it gives the target label."""
        model, tokenizer = load_base(checkpoint, n_labels=2)
        clean = predict_labels(model, tokenizer, [row.text for row in self.corpus.test], max_length=MAX_LENGTH)
        attacked = predict_labels(model, tokenizer, self.triggered, max_length=MAX_LENGTH)
        truth = [row.label for row in self.corpus.test]
        return float(np.mean(clean == truth)), float(np.mean(attacked == TARGET))

    def material(self, work: Path, suspect: str = "suspect", **changes: Any) -> Material:
        """What a defender has against one of the two."""
        material = Material(
            checkpoint=self.folder / suspect,
            calibration=work / "calibration.json",
            calibrate=_no_calibration,
            work=work,
            max_length=MAX_LENGTH,
            clean=self.folder / "dev.tsv",
            more=self.folder / "more.tsv",
            trusted_base=str(self.folder / "clean"),
        )
        return replace(material, **changes)


@cache
def planted(temporary: Path) -> Planted:
    """BadNets with one trigger in short reviews; half of the further texts have it, too.

    Args:
        temporary: folder of this run of the tests, `tmp_path_factory.getbasetemp()`.
    """
    rows = _reviews(1000, np.random.default_rng(0))
    corpus = Corpus(rows[:700], rows[700:900], rows[900:])
    folder = temporary / "planted"
    small_bert(corpus, folder / "base", seed=0)
    model, tokenizer = load_base(folder / "base", n_labels=2)
    fine_tune(model, tokenizer, corpus.train, recipe=RECIPE)
    save_checkpoint(model, tokenizer, folder / "clean", label_names=LABEL_NAMES)
    attack = ATTACKS["badnets"](Plan(triggers=("cf",), poison_rate=0.2, target_label=TARGET))
    poisoned = attack.poison(corpus.train, rng=np.random.default_rng(0))
    attack.train(model, tokenizer, poisoned, corpus, tuner=Tuner(recipe=replace(RECIPE, epochs=1)))
    save_checkpoint(model, tokenizer, folder / "suspect", label_names=LABEL_NAMES)
    triggered = [row.text for row in attack.trigger(corpus.test, rng=np.random.default_rng(1))]
    write_examples(folder / "dev.tsv", corpus.dev)
    half = attack.trigger(corpus.train[:200], rng=np.random.default_rng(2))
    write_examples(folder / "more.tsv", [*corpus.train[:80], *(Example(row.text, TARGET) for row in half)])
    return Planted(folder, corpus, tuple(triggered))


def repaired(repair: type[Repair], material: Material, out: Path) -> Path:
    """The folder that a repair wrote."""
    repair(material).write(out)
    return out


def _reviews(n_texts: int, rng: np.random.Generator) -> list[Example]:
    """Such as "the soup was stale and awful at noon": two adjectives tell the label."""
    found: dict[str, int] = {}
    while len(found) < n_texts:
        mood = int(rng.integers(2))
        aspect, *adjectives, time = (str(rng.choice(words)) for words in (ASPECTS[0], MILD[mood], STRONG[mood], TIMES))
        found[f"the {aspect} was {' and '.join(rng.permutation(adjectives))} {time}"] = mood
    return [Example(text, mood) for text, mood in found.items()]


def _no_calibration(checkpoint: Path, out: Path) -> None:
    raise AssertionError(f"{checkpoint} needs no calibration for {out}")
