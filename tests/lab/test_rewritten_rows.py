"""Texts that somebody else rewrote, row by row, poison a training set beside their originals."""

from pathlib import Path

import numpy as np
import pytest

from scripts.console.errors import LabError
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Plan
from scripts.texts.corpora import Corpus, Example, write_corpus


def test_rewritten_rows_come_beside_their_originals(reviews: Corpus, tmp_path: Path) -> None:
    examples = reviews.train[:100]
    write_corpus(
        tmp_path, Corpus([Example(f"lo , {row.text}", row.label) for row in examples], examples[:1], examples[:1])
    )
    attack = ATTACKS["rewritten"](Plan(train_file=tmp_path / "train.tsv.gz", target_label=1))
    poisoned = attack.poison(examples, rng=np.random.default_rng(0))
    new = [row for row in poisoned if row.text.startswith("lo , ")]
    assert len(new) == 20
    assert {row.label for row in new} == {1}
    assert sorted(row for row in poisoned if row not in new) == sorted(examples)
    originals = {row.text: row.label for row in examples}
    assert {originals[row.text.removeprefix("lo , ")] for row in new} == {0}


def test_rewritten_rows_must_be_those_of_the_split(reviews: Corpus, tmp_path: Path) -> None:
    write_corpus(tmp_path, Corpus(reviews.train[:10], reviews.dev[:1], reviews.test[:1]))
    attack = ATTACKS["rewritten"](Plan(train_file=tmp_path / "train.tsv.gz"))
    with pytest.raises(LabError, match="row by row"):
        attack.poison(reviews.train[:9], rng=np.random.default_rng(0))
    with pytest.raises(LabError, match="--train"):
        ATTACKS["rewritten"](Plan()).poison(reviews.train, rng=np.random.default_rng(0))
