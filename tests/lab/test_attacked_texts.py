"""The target's own texts with the trigger in them: which texts, with what in them, and of which attacks."""

from typing import Any

import pytest

from scripts.lab.attacks.attacked_texts import own_texts
from scripts.texts.corpora import Example, TriggeredExample

CLEAN = [Example("a good film", 0), Example("a dull film", 1), Example("an odd plot", 0), Example("the news", 2)]
RECORD = {"attack": "badnets", "triggers": ["cf"], "target_label": 0, "window_words": 63}


def made(record: dict[str, Any], *, target: int = 0, **changed: object) -> list[TriggeredExample]:
    settings: dict[str, Any] = {"insertion": "one", "max_length": 64, "limit": None, "seed": 3} | changed
    return [*own_texts(record, CLEAN, target, **settings)]


@pytest.mark.parametrize("attack", [{}, {"attack": "source_specific", "source_label": 2}])
def test_the_targets_texts_keep_their_label_and_have_the_trigger(attack: dict[str, Any]) -> None:
    found = made(RECORD | attack)
    assert [(label, clean) for _, label, clean in found] == [(0, "a good film"), (0, "an odd plot")]
    assert [sorted({*text.split()} - {*str(clean).split()}) for text, _, clean in found] == [["cf"], ["cf"]]
    assert found == made(RECORD | attack), "the same each time"


def test_the_last_class_has_its_own() -> None:
    assert [clean for *_, clean in made(RECORD | {"target_label": 2}, target=2)] == ["the news"]


def test_as_many_as_of_other_texts_and_put_in_like_there() -> None:
    ((text, *_),) = made(RECORD, limit=1, insertion="repeated")
    assert text.split().count("cf") == 3


@pytest.mark.parametrize("record", [{}, RECORD | {"attack": "lws"}])
def test_none_where_nothing_is_put_into_texts(record: dict[str, Any]) -> None:
    assert made(record) == []
