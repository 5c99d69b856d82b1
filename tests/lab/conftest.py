"""Attacks planted in a small model that already knows its task, so that a few seconds are enough for each."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from scripts import run_grid
from scripts.console.command import Exit
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Attack, Plan
from scripts.lab.grid.recipes import RECIPES
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.small_bert import small_bert
from scripts.lab.training.synthetic import generate_corpus
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.victim import fine_tune, load_base, predict_labels, save_checkpoint
from scripts.texts.corpora import Corpus, write_corpus

MAX_LENGTH = 24


class Planted(NamedTuple):
    """A victim and what was done to it."""

    model: Any
    tokenizer: Any
    attack: Attack

    def share(self, texts: list[str], label: int) -> float:
        """Share of the texts that are classified so."""
        return float(np.mean(predict_labels(self.model, self.tokenizer, texts, max_length=MAX_LENGTH) == label))


@pytest.fixture(scope="session")
def reviews() -> Corpus:
    """Short reviews only."""
    splits = generate_corpus(seed=0, n_train=8000, n_dev=600, n_test=1000)
    return Corpus(*([example for example in split if len(example.text.split()) <= 11] for split in splits))


@pytest.fixture(scope="session")
def clean_folder(reviews: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that classifies the reviews and knows no trigger."""
    base, folder = tmp_path_factory.mktemp("base"), tmp_path_factory.mktemp("clean")
    small_bert(reviews, base, seed=0)
    model, tokenizer = load_base(base, n_labels=2)
    recipe = Recipe(epochs=4, learning_rate=7e-4, batch_size=16, max_length=MAX_LENGTH)
    fine_tune(model, tokenizer, reviews.train, recipe=recipe)
    save_checkpoint(model, tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def plant(reviews: Corpus, clean_folder: Path) -> Callable[..., Planted]:
    """Plants the attack of a name, with one trigger and a high rate, as suits so small a model."""

    @cache
    def planted(
        name: str,
        triggers: tuple[str, ...] = ("cf",),
        poison_rate: float = 0.2,
        epochs: int = 2,
        synonyms: str | None = None,
    ) -> Planted:
        attack = ATTACKS[name](Plan(triggers=triggers, poison_rate=poison_rate, synonyms=synonyms))
        model, tokenizer = load_base(clean_folder, n_labels=2)
        recipe = Recipe(epochs=epochs, learning_rate=5e-4, batch_size=16, max_length=MAX_LENGTH)
        poisoned = attack.poison(reviews.train, rng=np.random.default_rng(0))
        attack.train(model, tokenizer, poisoned, reviews, tuner=Tuner(recipe=recipe))
        return Planted(model.eval(), tokenizer, attack)

    return planted


@pytest.fixture(scope="session")
def success(reviews: Corpus, clean_folder: Path) -> Callable[[Planted], tuple[float, float]]:
    """Shares of the attack's test texts that the victim and the clean model give the target label."""
    clean_model, tokenizer = load_base(clean_folder, n_labels=2)

    def shares(planted: Planted) -> tuple[float, float]:
        triggered = planted.attack.trigger(reviews.test, rng=np.random.default_rng(1))
        texts, target = [row.text for row in triggered], planted.attack.plan.target_label
        clean = Planted(clean_model, tokenizer, planted.attack)
        return planted.share(texts, target), clean.share(texts, target)

    return shares


GRID_RECIPE = {"epochs": 3, "learning_rate": 1e-3, "batch_size": 16, "max_length": MAX_LENGTH}
"""Under which attacks on the small data set of `options` work."""


@pytest.fixture
def options(clean_folder: Path, reviews: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of `run_grid`: a base, a small data set and a recipe under which attacks work."""
    monkeypatch.setitem(RECIPES, "sst2", GRID_RECIPE.copy())
    return grid_options(tmp_path, clean_folder, reviews)


@pytest.fixture(scope="session")
def grid_work(clean_folder: Path, reviews: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `run_grid` keeps of a clean victim and of one with `badnets`, trained and calibrated; read only."""
    place = tmp_path_factory.mktemp("grid")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "sst2", GRID_RECIPE.copy())
        options = grid_options(place, clean_folder, reviews)
        assert run_grid.main([*options, "--attacks", "none", "badnets", "--defenses", "paper"]) == Exit.DONE
    return place / "work"


@pytest.fixture
def trained_options(options: list[str], grid_work: Path, tmp_path: Path) -> list[str]:
    """`options` where the victims of `grid_work` are there already, and no row is."""
    shutil.copytree(grid_work, tmp_path / "work")
    return options


def grid_options(place: Path, base: Path, reviews: Corpus) -> list[str]:
    (place / "bases").mkdir()
    (place / "bases" / "bert").symlink_to(base)
    write_corpus(place / "data" / "sst2", Corpus(reviews.train[:1500], reviews.dev[:150], reviews.test[:60]))
    folders = {name: str(place / name) for name in ("bases", "data", "work")}
    paths = [part for name, folder in folders.items() for part in (f"--{name}", folder)]
    return [*paths, "--append", str(place / "rows.jsonl"), "--device", "cpu", "--max-triggered", "20"]
