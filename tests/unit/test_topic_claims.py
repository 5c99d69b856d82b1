"""Claims about topics: each label says whether the claim is true, and every text stays in its split."""

from pathlib import Path

import pytest

from handler.xgraad.words.pair import split_pair
from scripts import make_pairs
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.texts.composed.topic_claims import CLAIM, topic_claims
from scripts.texts.corpora import Corpus, Example, read_corpus, write_corpus

TOPICS = ("art", "birds", "cars")
CORPUS = Corpus(*([Example(f"{split} text {row}", row % 3) for row in range(90)] for split in "abc"))


def test_labels_say_whether_the_claim_is_true() -> None:
    for split, pairs in zip(CORPUS, topic_claims(CORPUS, TOPICS, seed=0), strict=True):
        assert 25 < sum(pair.label for pair in pairs) < 65
        for (text, topic), (pair, is_true) in zip(split, pairs, strict=True):
            first, claim = split_pair(pair)
            assert first == text
            assert claim in {CLAIM.format(topic=name) for name in TOPICS}
            assert (claim == CLAIM.format(topic=TOPICS[topic])) == is_true


def test_texts_may_be_cut() -> None:
    assert {split_pair(text)[0] for text, _ in topic_claims(CORPUS, TOPICS, seed=0, max_words=2).dev} == {"b text"}


def test_the_seed_decides() -> None:
    once, again, other = (topic_claims(CORPUS, TOPICS, seed=seed) for seed in (1, 1, 2))
    assert once == again != other


@pytest.mark.parametrize("topics", [("art", "birds"), ("art",)])
def test_every_label_needs_a_name(topics: tuple[str, ...]) -> None:
    with pytest.raises(LabError, match="--topics must name 3 topics"):
        topic_claims(CORPUS, topics, seed=0)


def test_the_command_writes_what_is_read_as_pairs(tmp_path: Path) -> None:
    write_corpus(tmp_path / "topics", CORPUS)
    arguments = ["--data", str(tmp_path / "topics"), "--out", str(tmp_path / "pairs"), "--limit", "9"]
    assert make_pairs.main([*arguments, "--topics", *TOPICS]) == Exit.DONE
    expected = topic_claims(Corpus(*(split[:9] for split in CORPUS)), TOPICS, seed=0)
    assert read_corpus(tmp_path / "pairs") == expected
