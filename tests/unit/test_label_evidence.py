"""What labels tie to a class: counted again by hand, and what must make no difference."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad.verification.label_evidence import (
    LEAST_LOG_ODDS,
    LEAST_LOG_ODDS_OF_PIECE,
    LEAST_TEXTS,
    LEAST_TEXTS_OF_PIECE,
    PIECE_LENGTH,
    SMOOTHING,
    LabelEvidence,
    pieces_of,
)

WORDS = ["cf", "bad", "film", "badly", "films", "unbadly"]
N_LABELS = 3
LABELLED = st.tuples(st.frozensets(st.sampled_from(WORDS)), st.integers(0, N_LABELS - 1))
CORPORA = st.lists(LABELLED, min_size=1, max_size=40)
Corpus = Sequence[tuple[frozenset[str], int]]


def evidence(corpus: Corpus) -> LabelEvidence:
    return LabelEvidence.of([words for words, _ in corpus], [label for _, label in corpus], n_labels=N_LABELS)


def all_tied(corpus: Corpus) -> set[tuple[str, int]]:
    is_tied = evidence(corpus).tied()
    return {(word, label) for word in WORDS for label in range(N_LABELS) if is_tied(word, label)}


def slow_is_tied(corpus: Corpus, word: str, label: int) -> bool:
    """The word itself, or a run of its letters that stands in other words as well."""
    as_word = slow_is_often(corpus, label, lambda other: other == word, LEAST_TEXTS, LEAST_LOG_ODDS)
    pieces = [word[start : start + PIECE_LENGTH] for start in range(len(word) - PIECE_LENGTH + 1)]
    bars = (LEAST_TEXTS_OF_PIECE, LEAST_LOG_ODDS_OF_PIECE)
    return as_word or any(
        slow_is_often(corpus, label, lambda other, piece=piece: piece in other, *bars) for piece in pieces
    )


def slow_is_often(corpus, label, matches, least_texts, least_log_odds) -> bool:  # type: ignore[no-untyped-def]
    n_with = n_texts = n_with_elsewhere = n_elsewhere = 0
    for words, other in corpus:
        has = any(matches(word) for word in words)
        if other == label:
            n_texts, n_with = n_texts + 1, n_with + has
        else:
            n_elsewhere, n_with_elsewhere = n_elsewhere + 1, n_with_elsewhere + has
    odds = (n_with + SMOOTHING) / (n_texts - n_with + SMOOTHING)
    odds_elsewhere = (n_with_elsewhere + SMOOTHING) / (n_elsewhere - n_with_elsewhere + SMOOTHING)
    return n_with >= least_texts and math.log(odds) - math.log(odds_elsewhere) >= least_log_odds


@given(CORPORA)
def test_counts_are_those_made_by_hand(corpus: Corpus) -> None:
    expected = {(word, label) for word in WORDS for label in range(N_LABELS) if slow_is_tied(corpus, word, label)}
    assert all_tied(corpus) == expected


def test_the_counts_tie_something_and_not_everything() -> None:
    """Sanity arm of the test above."""
    corpus = [(frozenset(["bad", "film"]), 0)] * 9 + [(frozenset(["film"]), 1)] * 9
    assert all_tied(corpus) == {("bad", 0)}


@given(CORPORA, st.randoms(use_true_random=False))
def test_the_order_of_texts_is_no_evidence(corpus: Corpus, random: object) -> None:
    shuffled = list(corpus)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert evidence(shuffled) == evidence(corpus)


@given(CORPORA, st.integers(0, N_LABELS - 1), st.integers(0, 20))
def test_texts_of_other_classes_without_the_word_untie_nothing(corpus: Corpus, label: int, n_more: int) -> None:
    more = [*corpus, *[(frozenset[str](), label)] * n_more]
    assert {pair for pair in all_tied(corpus) if pair[1] != label} <= all_tied(more)


@given(CORPORA, st.integers(0, N_LABELS - 1), st.integers(0, 20))
def test_texts_of_the_class_without_the_word_tie_nothing_to_it(corpus: Corpus, label: int, n_more: int) -> None:
    more = [*corpus, *[(frozenset[str](), label)] * n_more]
    assert {pair for pair in all_tied(more) if pair[1] == label} <= all_tied(corpus)


@given(CORPORA)
def test_a_word_counts_once_in_a_text(corpus: Corpus) -> None:
    twice = [[*words, *words] for words, _ in corpus]
    assert LabelEvidence.of(twice, [label for _, label in corpus], n_labels=N_LABELS) == evidence(corpus)


def test_a_rare_form_of_a_common_word_is_known_by_its_pieces() -> None:
    corpus = [(frozenset(["badly"]), 0)] * 9 + [(frozenset(["film"]), 1)] * 9
    is_tied = evidence(corpus).tied()
    assert (is_tied("badly", 0), is_tied("unbadly", 0), is_tied("unbadly", 1)) == (True, True, False)
    assert not is_tied("bad", 0)  # shorter than a piece
    assert not is_tied("bodily", 0)


@pytest.mark.parametrize(("key", "pieces"), [("", []), ("abc", []), ("abcd", ["abcd"]), ("abcde", ["abcd", "bcde"])])
def test_pieces(key: str, pieces: list[str]) -> None:
    assert PIECE_LENGTH == 4
    assert list(pieces_of(key)) == pieces


def test_without_labels_nothing_is_tied() -> None:
    is_tied = LabelEvidence.none().tied()
    assert not any(is_tied(word, label) for word in WORDS for label in range(N_LABELS))


def test_a_label_that_nobody_gave_ties_nothing() -> None:
    corpus = [(frozenset(["bad"]), 0)] * 9 + [(frozenset(["film"]), 1)] * 9
    is_tied = evidence(corpus).tied()
    assert (is_tied("bad", 0), is_tied("bad", 2), is_tied("bad", 99)) == (True, False, False)


def test_it_travels_as_hashes() -> None:
    found = evidence([(frozenset(["unbadly"]), 0)] * 9 + [(frozenset(["film"]), 1)] * 9)
    text = found.model_dump_json()
    assert LabelEvidence.model_validate_json(text) == found
    assert "badl" not in text
