"""Pairs out of texts with topics: each label says what it says, and no text crosses the splits."""

from pathlib import Path

from handler.xgraad.words.pair import split_pair
from scripts import make_pairs
from scripts.console.command import Exit
from scripts.texts.corpora import Corpus, Example, read_corpus, write_corpus
from scripts.texts.same_topic import same_topic_pairs

CORPUS = Corpus(*([Example(f"{split} text {row} of {row % 4}", row % 4) for row in range(80)] for split in "abc"))


def test_labels_say_whether_the_topics_are_the_same() -> None:
    for split, pairs in zip("abc", same_topic_pairs(CORPUS, seed=0), strict=True):
        assert len(pairs) == 80
        assert 20 < sum(pair.label for pair in pairs) < 60
        for text, label in pairs:
            first, second = split_pair(text)
            assert first != second
            assert first.startswith(split) and second.startswith(split)  # noqa: PT018
            assert (first[-1] == second[-1]) == label


def test_texts_may_be_cut() -> None:
    for text, _ in same_topic_pairs(CORPUS, seed=0, max_words=3).train:
        assert [len(part.split()) for part in split_pair(text)] == [3, 3]


def test_the_seed_decides() -> None:
    assert same_topic_pairs(CORPUS, seed=1) == same_topic_pairs(CORPUS, seed=1) != same_topic_pairs(CORPUS, seed=2)


def test_a_text_without_a_partner_is_left_out() -> None:
    lonely = Corpus(*[[Example("alone", 0)]] * 3)
    assert same_topic_pairs(lonely, seed=0) == Corpus([], [], [])


def test_the_command_writes_what_is_read_as_pairs(tmp_path: Path) -> None:
    write_corpus(tmp_path / "topics", CORPUS)
    arguments = ["--data", str(tmp_path / "topics"), "--out", str(tmp_path / "pairs"), "--limit", "9"]
    assert make_pairs.main(arguments) == Exit.DONE
    expected = same_topic_pairs(Corpus(*(split[:9] for split in CORPUS)), seed=0)
    assert read_corpus(tmp_path / "pairs") == expected
