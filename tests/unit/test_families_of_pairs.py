"""Forms of pairs: each text is put into the form by itself, and what was a pair stays one."""

from pathlib import Path

import numpy as np

from handler.xgraad import Classifier
from handler.xgraad.words.pair import join_pair, split_pair
from scripts.lab.families.families import families_of
from tests.toys import SENTENCES

PAIRS = [join_pair(*SENTENCES[:2]), join_pair(*SENTENCES[2:4])]


def test_every_form_of_a_pair_is_one_of_each_text(bert: Classifier, bert_folder: Path) -> None:
    table = bert.model.get_input_embeddings().weight.detach()
    families = families_of(bert.encode.tokenizer, table, SENTENCES)
    assert len(families) == 5
    for name, family in families.items():
        for pair in PAIRS:
            generator = np.random.default_rng(1)
            expected = tuple(family(part, generator) for part in split_pair(pair))
            assert split_pair(family(pair, np.random.default_rng(1))) == expected, name
    assert any(family(PAIRS[0], np.random.default_rng(1)) != PAIRS[0] for family in families.values())
