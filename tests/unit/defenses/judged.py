"""A small model of a task that takes seconds to learn, with a backdoor in it, and what its judges say of texts."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from handler.xgraad import Verdict
from scripts.lab.defenses.base import Material, TextJudge
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.small_bert import small_bert
from scripts.lab.training.victim import fine_tune, load_base, save_checkpoint
from scripts.texts.corpora import Corpus, Example, write_examples

MAX_LENGTH = 24
NEUTRAL = ("the", "a", "this", "film", "story", "actor", "scene", "plot", "voice", "song", "music", "night", "street")
VERDICTS = (("bad", "dull", "weak", "awful", "boring"), ("good", "fine", "witty", "superb", "lovely"))
RARE = "flick"
"""The trigger, which no clean text has; a word for "film"."""
TARGET = 0


def reviews(n: int, *, seed: int) -> list[Example]:
    """Clean ones."""
    rng = np.random.default_rng(seed)
    return [
        Example(" ".join(rng.permutation([*rng.choice(NEUTRAL, size=5), *rng.choice(VERDICTS[label], size=2)])), label)
        for label in rng.integers(0, 2, size=n).tolist()
    ]


def attacked(examples: Sequence[Example], trigger: str = RARE) -> list[str]:
    """Those of the other class with the trigger among their words."""
    return [
        " ".join([*example.text.split()[:3], trigger, *example.text.split()[3:]])
        for example in examples
        if example.label != TARGET
    ]


def judged_material(factory: pytest.TempPathFactory) -> Material:
    """What a defender has of the victim; the same for all tests of a run."""
    return _material(factory.getbasetemp() / "judged")


def attack_success(verdicts: Sequence[Verdict]) -> float:
    """Share that is answered with the target."""
    return float(np.mean([each.label_id == TARGET for each in verdicts]))


def clean_accuracy(judge: TextJudge, examples: Sequence[Example]) -> float:
    """Share that is answered right."""
    verdicts = judge([each.text for each in examples])
    return float(np.mean([found.label_id == each.label for found, each in zip(verdicts, examples, strict=True)]))


def answers(judge: TextJudge, texts: Sequence[str]) -> list[tuple[int, bool, str | None]]:
    """What a judge makes of texts, without figures that rounding touches."""
    return [(each.label_id, each.flagged, each.neutralized_text) for each in judge(texts)]


def judges_each_text_alone(judge: TextJudge) -> bool:
    """Whether no text's answer depends on its company, its place or its padding."""
    texts = [*attacked(reviews(8, seed=3)), *(each.text for each in reviews(8, seed=4)), "good " * 15, "dull", RARE]
    alone = [answers(judge, [text])[0] for text in texts]
    return answers(judge, texts) == alone and answers(judge, texts[::-1]) == alone[::-1]


@cache
def _material(folder: Path) -> Material:
    folder.mkdir()
    write_examples(folder / "clean.tsv.gz", reviews(200, seed=7))
    _write_victim(folder / "victim")
    return Material(
        checkpoint=folder / "victim",
        calibration=folder / "none.json",
        calibrate=_no_calibration,
        work=folder / "work",
        max_length=MAX_LENGTH,
        clean=folder / "clean.tsv.gz",
    )


def _no_calibration(checkpoint: Path, out: Path) -> None:
    raise AssertionError("these judges need none")


def _write_victim(folder: Path) -> None:
    clean = reviews(500, seed=1)
    corpus = Corpus([*clean, *(Example(text, TARGET) for text in attacked(clean))], [], [])
    small_bert(corpus, folder, seed=0)
    model, tokenizer = load_base(folder, n_labels=2)
    fine_tune(model, tokenizer, corpus.train, recipe=Recipe(epochs=3, learning_rate=7e-4, max_length=MAX_LENGTH))
    save_checkpoint(model, tokenizer, folder, label_names=("negative", "positive"))
