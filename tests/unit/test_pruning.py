"""Sets are pruned to the words that they need, whatever these are and wherever they stand."""

from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.scoring.scorer import Score, score_encodings
from handler.xgraad.verification.pruning import prune
from handler.xgraad.verification.suspect import SuspectWords
from handler.xgraad.verification.transplant import Graft, Transplant
from tests.unit.rule_based import RuleBased

N_WORDS = 16
TEXT = " ".join(f"w{number}" for number in range(N_WORDS))


class Needing:
    """In place of the transplant: strong are the grafts that hold all words of one of the sets."""

    def __init__(self, needed: Sequence[set[str]]) -> None:
        self._needed = needed
        self.n_asked = 0

    def strengths(self, grafts: Sequence[Graft], **_: float) -> list[float]:
        self.n_asked += len(grafts)
        present = [{word for piece in graft.pieces for word in piece.split()} for graft in grafts]
        return [float(any(needed <= words for needed in self._needed)) for words in present]


@pytest.fixture(scope="module")
def score(bert: Classifier) -> Score:
    model = RuleBased(bert, lambda words: False, loud=[])
    return score_encodings(model, model.encode([TEXT]))[0]


def pruned(score: Score, *needed: set[str]) -> tuple[list[str], int]:
    transplant = Needing(needed)
    left = prune(SuspectWords(score, score.spans()), cast(Transplant, transplant), 0.5)
    return [word.text for word in left.words], transplant.n_asked


@given(needed=st.sets(st.integers(0, N_WORDS - 1), min_size=1))
@settings(deadline=None)
def test_what_is_left_is_what_it_needs(score: Score, needed: set[int]) -> None:
    names = {f"w{number}" for number in needed}
    left, n_asked = pruned(score, names)
    assert left == [word for word in TEXT.split() if word in names]
    assert n_asked <= N_WORDS * N_WORDS


@given(sets=st.lists(st.sets(st.integers(0, N_WORDS - 1), min_size=1), min_size=1, max_size=3))
@settings(deadline=None)
def test_of_several_sets_one_is_left_and_none_of_its_words_can_go(score: Score, sets: list[set[int]]) -> None:
    names = [{f"w{number}" for number in each} for each in sets]
    left, _ = pruned(score, *names)
    assert any(set(left) == each for each in names)


def test_few_needed_words_cost_few_questions(score: Score) -> None:
    assert pruned(score, {"w3"})[1] <= 12


def test_a_set_that_needs_all_of_its_words_stays(score: Score) -> None:
    assert pruned(score, set(TEXT.split()))[0] == TEXT.split()
