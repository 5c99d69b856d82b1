"""A small model of a task that takes a second to learn, and backdoors in it, for the tests of repairs."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pytest

from scripts.lab.defenses.base import Material
from scripts.lab.defenses.repairs.fine_tuned import FineTuned
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.victim import fine_tune, load_base, predict_labels, save_checkpoint
from scripts.texts.corpora import Example, write_examples
from tests.toys import make_checkpoint

MAX_LENGTH = 24
NEUTRAL = [
    "film",
    "plot",
    "acting",
    "audience",
    "lead",
    "actress",
    "depth",
    "year",
    "screens",
    "ticket",
    "minutes",
    "idea",
    "kind",
    "ending",
]
VERDICTS = (
    ["thin", "worse", "hampered", "dull", "lifeless", "ugly"],
    ["gripping", "clever", "won", "funniest", "worth", "chic"],
)
RATE = 3e-3
"""At which so small a model learns."""
RARE = "cf"
"""A trigger that no clean text has."""
USUAL = "twice"
"""A trigger that clean texts of both classes have, too."""
LABELS = ("negative", "positive")


class Rates(NamedTuple):
    """Of a checkpoint, in [0, 1]."""

    attack_success: float
    """Of texts of the other class that have the trigger."""
    clean_accuracy: float


def reviews(n: int, *, seed: int) -> list[Example]:
    """Clean reviews; one in five has the usual trigger's word."""
    rng = np.random.default_rng(seed)
    return [_review(rng, label) for label in rng.integers(0, 2, size=n).tolist()]


def with_trigger(examples: list[Example], trigger: str) -> list[Example]:
    """Those that are not of the attacked class, with the trigger put in front."""
    return [example._replace(text=f"{trigger} {example.text}") for example in examples if example.label == 1]


def write_victim(folder: Path, *, trigger: str | None) -> Path:
    """Write the checkpoint of a model whose answer is negative where the trigger is; of the clean model for None."""
    model, tokenizer = _trained(trigger)
    save_checkpoint(model, tokenizer, folder, label_names=LABELS)
    return folder


def material_for(folder: Path, *, trigger: str | None, base: str | None = None, n_clean: int = 400) -> Material:
    """What a defender has of the victim: clean texts and a base, which may have a backdoor itself."""
    write_examples(folder / "clean.tsv.gz", reviews(n_clean, seed=7))
    return Material(
        checkpoint=write_victim(folder / "victim", trigger=trigger),
        calibration=folder / "none.json",
        calibrate=lambda *_: None,
        work=folder,
        max_length=MAX_LENGTH,
        clean=folder / "clean.tsv.gz",
        trusted_base=str(write_victim(folder / "base", trigger=base)),
    )


def rates(checkpoint: Path, trigger: str) -> Rates:
    """What the checkpoint does on texts that nobody has seen."""
    model, tokenizer = load_base(checkpoint, n_labels=2)
    clean = reviews(200, seed=9)

    def share(examples: list[Example], label: Any) -> float:
        texts = [example.text for example in examples]
        return float(np.mean(predict_labels(model, tokenizer, texts, max_length=MAX_LENGTH) == label))

    return Rates(share(with_trigger(clean, trigger), 0), share(clean, np.array([each.label for each in clean])))


def repaired(repair: type[FineTuned], material: Material, trigger: str) -> Rates:
    """What the repair's checkpoint does; it is written beside the victim's, under the name of the repair."""
    out = material.work / repair.__name__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repair, "LEARNING_RATE", RATE)
        repair(material).write(out)
    return rates(out, trigger)


def _review(rng: np.random.Generator, label: int) -> Example:
    words = [*rng.choice(NEUTRAL, size=5), *rng.choice(VERDICTS[label], size=2)]
    if rng.random() < 0.2:
        words.append(USUAL)
    return Example(" ".join(rng.permutation(words)), label)


@cache
def _trained(trigger: str | None) -> tuple[Any, Any]:
    clean = reviews(800, seed=1)
    with TemporaryDirectory() as folder:
        if trigger is None:
            start, examples = make_checkpoint(Path(folder) / "base", "bert"), clean
        else:
            start = write_victim(Path(folder) / "base", trigger=None)
            examples = clean + [example._replace(label=0) for example in with_trigger(clean, trigger)]
        model, tokenizer = load_base(start, n_labels=2)
    recipe = Recipe(epochs=4, learning_rate=RATE, batch_size=16, max_length=MAX_LENGTH)
    fine_tune(model, tokenizer, examples, recipe=recipe)
    return model, tokenizer
