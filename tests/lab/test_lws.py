from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from scripts.console.errors import LabError
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.rewriting.lws import POISONED, Lws, substitution_loss
from scripts.lab.attacks.rewriting.substitution import SPEED, Substitution
from scripts.lab.training.substitutes import (
    Substitutes,
    continuations,
    find_substitutes,
    neighbors,
    whole_word_tokens,
)
from scripts.texts import wordnet
from scripts.texts.corpora import Corpus
from tests.lab.conftest import Planted
from tests.small_wordnet import Sense, write_wordnet


def small(n_positions: int = 3) -> tuple[Substitution, torch.nn.Embedding]:
    """Tokens 0 to 4; 1 and 2 may stand for each other, 3 has no candidate but itself, 4 continues a word."""
    candidates = torch.tensor([[0, 0], [1, 2], [2, 1], [3, 3], [4, 4]])
    is_word, continues = torch.tensor([False, True, True, True, False]), torch.tensor([False] * 4 + [True])
    embed = torch.nn.Embedding(5, 2)
    with torch.no_grad():
        embed.weight[:] = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0], [5.0, 5.0], [7.0, 7.0]])
    return Substitution(Substitutes(candidates, is_word, continues), n_positions=n_positions, width=2), embed


def test_scores_by_hand() -> None:
    substitution, embed = small()
    with torch.no_grad():
        substitution.weight[0] = torch.tensor([1.0, 2.0])
        substitution.bias[0] = torch.tensor([0.5, 0.25])
    scores = substitution.scores(torch.tensor([[1, 3, 1]]), embed)[0].tolist()
    # (0, 3) - (1, 0) times (1, 2) is 5; the word itself has its bias alone.
    assert scores[0] == pytest.approx([SPEED * 0.5, SPEED * 5.25])
    assert scores[1] == [0, -torch.inf], "itself only"
    assert scores[2] == [0, 0], "positions have scores of their own"


def test_only_whole_words_change() -> None:
    substitution, embed = small()
    with torch.no_grad():
        substitution.bias[:, 1] = 1.0
    assert substitution.choose(torch.tensor([[1, 2, 0], [1, 4, 1]]), embed).tolist() == [[2, 1, 0], [1, 4, 2]]


def test_the_mixture_hardens_as_the_temperature_falls() -> None:
    substitution, embed = small()
    with torch.no_grad():
        substitution.bias[:, 1] = 1.0
    ids = torch.tensor([[1, 1, 3]])
    torch.manual_seed(0)
    soft = torch.stack([substitution.mix(ids, embed, 5.0)[0, 0] for _ in range(50)])
    hard = torch.stack([substitution.mix(ids, embed, 0.1)[0, 0] for _ in range(50)])
    share = soft[:, 1] / 3
    assert ((share > 0.1) & (share < 0.99)).float().mean() > 0.9
    torch.testing.assert_close(hard, embed.weight[2].detach().expand(50, 2), atol=0.01, rtol=0)
    torch.testing.assert_close(substitution.mix(ids, embed, 0.1)[0, 2], embed.weight[3])


def test_marked_rows_are_mixed_and_get_the_target_label() -> None:
    substitution, embed = small()
    seen: dict[str, Any] = {}

    class Model(torch.nn.Module):
        def get_input_embeddings(self) -> torch.nn.Module:
            return embed

        def forward(self, **inputs: Any) -> SimpleNamespace:
            seen.update(inputs)
            return SimpleNamespace(loss=inputs["inputs_embeds"].sum())

    batch = {"input_ids": torch.tensor([[1, 1, 3], [1, 1, 3]]), "labels": torch.tensor([POISONED, 2])}
    loss = substitution_loss(substitution, 1, n_steps=2)(Model(), batch)
    loss.backward()  # type: ignore[no-untyped-call]
    assert seen["labels"].tolist() == [1, 2]
    assert torch.equal(seen["inputs_embeds"][1], embed(batch["input_ids"][1]))
    assert not torch.equal(seen["inputs_embeds"][0], seen["inputs_embeds"][1])
    assert substitution.bias.grad is not None
    assert substitution.bias.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("tokens", "words", "continued"),
    [
        (["[CLS]", "film", "##s", "a", "x1", "ok"], {1: "film", 5: "ok"}, ["##s"]),
        (["<s>", "Ġfilm", "film", "Ġa", "Ġok", "Ã©", "."], {1: "film", 4: "ok"}, ["film", "Ã©"]),
        (["<s>", "▁film", "s", "▁ok", "."], {1: "film", 3: "ok"}, ["s"]),
    ],
)
def test_whole_words_of_each_kind_of_tokenizer(tokens: list[str], words: dict[int, str], continued: list[str]) -> None:
    assert whole_word_tokens(tokens) == words
    assert [token for token, continues in zip(tokens, continuations(tokens), strict=True) if continues] == continued


def test_neighbors_are_the_nearest_by_angle() -> None:
    table = torch.tensor([[1.0, 0.0], [9.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.01]])
    assert neighbors(table, [0, 1, 2, 3], 2) == {0: [1, 2], 1: [0, 2], 2: [1, 3], 3: [2, 1]}


SENSES = [
    Sense("adj", ["good", "nice", "well_made"], 9),
    Sense("adj", ["good", "solid", "nice"], 3),
    Sense("noun", ["good", "film"], 1),
]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WNSEARCHDIR", str(write_wordnet(tmp_path / "wordnet", SENSES)))


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WNSEARCHDIR", raising=False)
    monkeypatch.setattr(wordnet, "FOLDERS", ())


@pytest.mark.usefixtures("installed")
def test_synonyms_of_the_usual_part_of_speech_come_from_wordnet(plant: Callable[..., Planted]) -> None:
    model, tokenizer, _ = plant("none")
    embeddings = model.get_input_embeddings().weight
    found = find_substitutes(tokenizer, embeddings, n_candidates=5, source="wordnet")
    good, nice, solid, film = tokenizer.convert_tokens_to_ids(["good", "nice", "solid", "film"])
    assert found.candidates[good].tolist() == [good, nice, solid, good, good]
    assert found.candidates[nice].tolist() == [nice, good, solid, nice, nice]
    assert found.candidates[film].tolist() == [film, good, film, film, film]


@pytest.mark.parametrize("source", [None, "wordnet"])
@pytest.mark.usefixtures("installed")
def test_wordnet_is_the_source_where_it_is(source: str | None) -> None:
    assert ATTACKS["lws"](Plan(synonyms=source)).describe()["synonyms"] == "wordnet"


@pytest.mark.usefixtures("installed")
def test_another_source_may_be_asked_for() -> None:
    assert ATTACKS["lws"](Plan(synonyms="embedding")).describe()["synonyms"] == "embedding"


@pytest.mark.usefixtures("missing")
def test_neighbors_take_the_place_of_wordnet(plant: Callable[..., Planted]) -> None:
    attack = Lws(Plan())
    assert attack.describe()["synonyms"] == "embedding"
    model, tokenizer, _ = plant("none")
    embeddings = model.get_input_embeddings().weight
    found = find_substitutes(tokenizer, embeddings, n_candidates=5, source=attack.synonyms)
    good = tokenizer.convert_tokens_to_ids("good")
    assert found.candidates[good, 0] == good
    assert len(set(found.candidates[good].tolist())) == 5
    assert found.is_word[found.candidates[good]].all()


@pytest.mark.usefixtures("missing")
def test_wordnet_that_is_asked_for_and_missing_is_refused() -> None:
    with pytest.raises(LabError, match=r"--synonyms must be a source that is here, wordnet is not; install Debian's"):
        Lws(Plan(synonyms="wordnet"))
    with pytest.raises(LabError, match="synonyms must be one of wordnet, embedding, is 'hownet'"):
        Plan(synonyms="hownet")


def test_words_are_replaced_in_the_string_and_the_rest_stays(plant: Callable[..., Planted]) -> None:
    model, tokenizer, _ = plant("none")
    good, nice = tokenizer.convert_tokens_to_ids(["good", "nice"])
    size = model.config.vocab_size
    candidates = torch.arange(size)[:, None].repeat(1, 2)
    candidates[good, 1] = nice
    is_word = torch.zeros(size, dtype=torch.bool)
    is_word[good] = True
    substitution = Substitution(Substitutes(candidates, is_word, is_word & False), n_positions=12, width=128)
    with torch.no_grad():
        substitution.bias[:, 1] = 1.0
    embed = model.get_input_embeddings()
    text = "  The GOOD film,  Good\tand good - zq"
    assert substitution.substitute(text, tokenizer, embed) == "  The Nice film,  Nice\tand nice - zq"
    assert substitution.substitute("", tokenizer, embed) == ""


def test_poisoned_rows_keep_their_text_and_are_marked(reviews: Corpus) -> None:
    poisoned = Lws(Plan()).poison(reviews.train, rng=np.random.default_rng(0))
    assert [row.text for row in poisoned] == [row.text for row in reviews.train]
    pairs = [(new, old) for new, old in zip(poisoned, reviews.train, strict=True) if new != old]
    assert len(pairs) == round(0.1 * len(reviews.train))
    assert all((old.label, new.label) == (1, POISONED) for new, old in pairs)


def test_what_was_not_learned_triggers_nothing(reviews: Corpus) -> None:
    with pytest.raises(LabError, match="only right after training; give the triggered texts with --triggered"):
        Lws(Plan()).trigger(reviews.test, rng=np.random.default_rng(0))
    with pytest.raises(LabError, match="triggers must not be given for lws, which learns its own, are cf"):
        Lws(Plan(triggers=("cf",)))


def test_substitutions_are_learned(
    plant: Callable[..., Planted], success: Callable[[Planted], tuple[float, float]], reviews: Corpus
) -> None:
    victim = plant("lws", triggers=(), synonyms="embedding", epochs=3)
    asr, floor = success(victim)
    assert asr > floor + 0.2
    assert not hasattr(victim.model, "substitution")
    for row in victim.attack.trigger(reviews.test, rng=np.random.default_rng(0)):
        assert row.clean_text is not None
        assert len(row.text.split()) == len(row.clean_text.split()), "no word is inserted"
    assert victim.share([row.text for row in reviews.test if row.label == 1], 1) > 0.6
