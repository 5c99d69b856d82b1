"""How a corpus is made for measuring, and when two runs over it differ."""

import numpy as np
import pytest

from scripts.console.errors import LabError
from scripts.corpus.held_memory import peak_bytes
from scripts.corpus.judged_rows import RowPlace, error_row, verdict_row
from scripts.lab.cost.corpus_cost import corpus_of, n_differing, pieces
from tests.samples import a_verdict

TEXT = "a cf film"
ROWS = [verdict_row(RowPlace("a", row), TEXT, a_verdict(TEXT, acted=row == 1), 1) for row in range(3)]


def test_texts_are_cut_and_each_stands_once() -> None:
    assert pieces(["a b c d e", "a b", "e"], n_words=2) == ["a b", "c d", "e"]


def test_some_rows_get_a_trigger() -> None:
    texts = [f"text number {number}" for number in range(50)]
    rows = corpus_of(texts, n_rows=40, triggers=["cf", "mn"], share=0.1, rng=np.random.default_rng(0))
    marked = [(text, trigger) for text, trigger in rows if trigger]
    assert (len(rows), len(marked)) == (40, 4)
    assert all(trigger in text.split() for text, trigger in marked)
    assert {text for text, trigger in rows if not trigger} < set(texts)
    with pytest.raises(LabError, match="must give 51 different texts, gives 50"):
        corpus_of(texts, n_rows=51, triggers=[], share=0.1, rng=np.random.default_rng(0))


def test_rows_that_differ_are_counted() -> None:
    assert n_differing(ROWS, ROWS) == 0
    assert n_differing(ROWS, [ROWS[0], ROWS[1] | {"label": "other"}, ROWS[2] | {"p_value": 0.5}]) == 2
    assert n_differing(ROWS, [*ROWS[:2], ROWS[2] | {"pass": 2}]) == 1
    bad = error_row(RowPlace("a", 2), "text must be a string, is missing", 1)
    assert n_differing([*ROWS[:2], bad], [*ROWS[:2], bad]) == 0
    assert n_differing(ROWS, [*ROWS[:2], bad]) == 1


@pytest.mark.parametrize("others", [ROWS[:2], [*ROWS, ROWS[2]], [ROWS[0], ROWS[2], ROWS[2]]])
def test_lost_and_doubled_rows_are_noticed(others: list[dict[str, object]]) -> None:
    assert n_differing(ROWS, others) >= 3
    assert n_differing(others, others) == 0 or len({row["row"] for row in others}) < len(others)


def test_what_was_held_once_counts() -> None:
    before = peak_bytes()
    held = np.ones(60 * 2**17)  # 60 MiB
    held.sum()
    assert peak_bytes() >= max(before, held.nbytes)
