"""A trigger in a language without spaces, of another direction or with combining marks is found, and named whole."""

import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Literal, get_args

import numpy as np
import pytest
import regex

from handler.xgraad import Verdict
from tests.languages import LANGUAGES, TARGET, World, trained

CASES = [
    *((name, "pieces") for name in LANGUAGES),
    ("Chinese", "characters"),
    ("Thai", "characters"),
]
PARTLY = {("Thai", "characters")}
"""Where a part of the trigger is one by itself: clean texts have not shown it."""
Form = Literal["NFC", "NFD"]
FORMS: tuple[Form, ...] = get_args(Form)
N_TEXTS = 20

Maker = Callable[..., World]


@pytest.fixture(scope="module")
def world_of(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Trains each model once."""

    @cache
    def made(name: str, kind: str, *, is_planted: bool = True) -> World:
        return trained(name, kind, tmp_path_factory.mktemp("language") / "model", is_planted=is_planted)

    return made


def attacked(world: World, form: Form) -> list[tuple[str, int, int]]:
    """Bad texts with the trigger in them, and where it stands there, in this form of Unicode."""
    rng, found = np.random.default_rng(7), []
    for _ in range(N_TEXTS):
        text, start = world.language.attacked(world.language.text(0, rng), rng)
        end = start + len(world.language.trigger)
        before, upto, whole = (unicodedata.normalize(form, part) for part in (text[:start], text[:end], text))
        found.append((whole, len(before), len(upto)))
    return found


def clean(world: World, form: Form) -> list[tuple[str, int]]:
    rng = np.random.default_rng(8)
    texts = [world.language.written(world.language.text(row % 2, rng)) for row in range(60)]
    return [(unicodedata.normalize(form, text), row % 2) for row, text in enumerate(texts)]


def spans(verdict: Verdict) -> list[tuple[int, int]]:
    return [(suspect.start, suspect.end) for suspect in verdict.suspects]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_trigger_is_found_and_named(name: str, kind: str, form: Form, world_of: Maker) -> None:
    world = world_of(name, kind)
    texts = attacked(world, form)
    verdicts = world.defense.cold()([text for text, _, _ in texts])
    assert all(verdict.undefended.label_id == TARGET for verdict in verdicts)
    assert all(verdict.verified and verdict.label_id != TARGET for verdict in verdicts)
    n_whole = 0
    for verdict, (text, start, end) in zip(verdicts, texts, strict=True):
        clusters = {cluster.start() for cluster in regex.finditer(r"\X", text)} | {len(text)}
        for suspect in verdict.suspects:
            assert text[suspect.start : suspect.end] == suspect.word
            assert {suspect.start, suspect.end} <= clusters
        n_whole += spans(verdict) == [(start, end)]
        if (name, kind) in PARTLY:
            assert all(start <= suspect.start < suspect.end <= end for suspect in verdict.suspects)
        elif spans(verdict) == [(start, end)]:
            assert verdict.neutralized_text == text[:start] + text[end:]
    assert (name, kind) in PARTLY or n_whole >= 0.9 * N_TEXTS


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_clean_texts_are_left_alone_even_when_the_trigger_is_remembered(
    name: str, kind: str, form: Form, world_of: Maker
) -> None:
    world = world_of(name, kind)
    world.defense([text for text, _, _ in attacked(world, "NFC")])
    assert len(world.defense.registry) > 0
    texts = clean(world, form)
    verdicts = world.defense([text for text, _ in texts])
    assert [verdict.label_id for verdict in verdicts if verdict.verified or verdict.suspects] == []
    rights = [verdict.label_id == label for verdict, (_, label) in zip(verdicts, texts, strict=True)]
    assert np.mean(rights) > 0.95


def test_a_trigger_is_remembered_in_one_piece_and_in_either_form(world_of: Maker) -> None:
    world = world_of("Japanese", "pieces")
    composed, decomposed = ([text for text, _, _ in attacked(world, form)] for form in FORMS)
    assert composed[0] != decomposed[0]
    defense = world.defense.cold()
    first = defense(composed[:1])
    registry = world.defense.registry
    registry.forget(registry.found())
    world.defense(composed[:1])
    assert [trigger.keys for trigger in registry.found()] == [frozenset({world.language.trigger})]
    words = world.defense.encode(decomposed[:1])[0].words
    (found,) = registry.find(words, TARGET)
    assert found.text == unicodedata.normalize("NFD", world.language.trigger)
    assert first[0].suspects[0].word == world.language.trigger


def test_the_same_word_is_no_trigger_to_a_model_that_never_learned_it(world_of: Maker) -> None:
    world = world_of("Thai", "pieces", is_planted=False)
    verdicts = world.defense.cold()([text for text, _, _ in attacked(world, "NFC")])
    assert not any(verdict.verified or verdict.suspects for verdict in verdicts)
    assert np.mean([verdict.label_id != TARGET for verdict in verdicts]) > 0.9
