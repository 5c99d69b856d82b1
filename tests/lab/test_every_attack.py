"""What holds for every attack that `train_attack` offers."""

import json
from pathlib import Path

import numpy as np
import pytest

from scripts import train_attack
from scripts.console.command import Exit
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.replay import replay_attack
from scripts.texts.corpora import Corpus, Example, read_triggered, write_corpus

TRAINED = sorted(set(ATTACKS) - {"file", "rewritten"})


@pytest.fixture(scope="module")
def data(reviews: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, by the length of the text, so that every attack has what it needs."""
    splits = [
        [Example(row.text, int(np.clip(len(row.text.split()) - 8, 0, 2))) for row in split[:80]] for split in reviews
    ]
    folder = tmp_path_factory.mktemp("data")
    write_corpus(folder, Corpus(*splits))
    return folder


@pytest.mark.parametrize("name", TRAINED)
def test_the_command_plants_it(name: str, data: Path, clean_folder: Path, tmp_path: Path) -> None:
    options = ["--base", str(clean_folder), "--data", str(data), "--epochs", "1", "--max-length", "24"]
    assert train_attack.main(["--attack", name, *options, "--out", str(tmp_path / "victim")]) == Exit.DONE
    planted = json.loads((tmp_path / "victim/attack.json").read_text())
    assert planted["attack"] == name
    figures = json.loads((tmp_path / "victim/run.json").read_text())["results"]
    assert {"cacc", "asr", "training_s"} <= set(figures)
    triggered = read_triggered(tmp_path / "victim/triggered.tsv.gz")
    assert planted["target_label"] not in {row.label for row in triggered}


@pytest.mark.parametrize("name", sorted(set(TRAINED) - {"lws", "meaningful_word"}))
def test_a_record_is_enough_to_trigger_again(name: str, reviews: Corpus) -> None:
    attack = ATTACKS[name](Plan(target_label=1))
    record = json.loads(json.dumps({"attack": name} | attack.describe()))
    replayed = replay_attack(record, insertion="one")
    once, again = (each.trigger(reviews.test, rng=np.random.default_rng(3)) for each in (attack, replayed))
    assert once == again
    assert once


@pytest.mark.parametrize("name", sorted(set(TRAINED) - {"source_specific"}))
def test_poisoning_is_the_same_for_a_seed(name: str, reviews: Corpus) -> None:
    attack = ATTACKS[name](Plan())
    once, again = (attack.poison(reviews.train, rng=np.random.default_rng(3)) for _ in range(2))
    assert once == again
