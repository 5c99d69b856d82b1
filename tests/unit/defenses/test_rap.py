"""RAP: a word that lowers the confidence in clean texts leaves that of attacked ones, for every label in its turn."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from handler.xgraad import Classifier
from handler.xgraad.words.encoding import Encoding, collate
from scripts.lab.defenses.judges import perturbation
from scripts.lab.defenses.judges.perturbation import DROP, Perturbation, drop_loss, rare_word
from scripts.lab.defenses.judges.rap import Rap
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.victim import fine_tune, load_base, save_checkpoint
from scripts.texts.corpora import Example
from tests.toys import SENTENCES
from tests.unit.defenses.materials import GivenMaterial, material_of
from tests.unit.defenses.test_onion import reviews

OPINIONS = {"gripping": 0.6, "clever": 0.6, "dull": -0.6, "ugly": -0.6}
"""What words add to the margin of label 1; two of them make an answer of probability 0.92."""
OBJECTS = ("film", "plot", "acting", "audience")


class BagOfWords(nn.Module):
    """A sequence classifier whose margin is what its words' vectors add up to along the first axis."""

    def __init__(self, real: Classifier, worth: dict[str, float]) -> None:
        super().__init__()
        self.config, self.table = real.model.config, nn.Embedding(len(real.encode.tokenizer), 8)
        weights = np.random.default_rng(0).normal(scale=0.5, size=self.table.weight.shape)
        weights[:, 0] = 0
        for word, value in worth.items():
            (token,) = real.encode.token_ids_of(word)
            weights[token, 0] = value
        self.table.weight.data = torch.tensor(weights, dtype=torch.float32)

    def get_input_embeddings(self) -> nn.Embedding:
        return self.table

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **_: Tensor) -> SimpleNamespace:
        margin = (self.table(input_ids)[..., 0] * attention_mask).sum(dim=1)
        return SimpleNamespace(logits=torch.stack([-margin, margin], dim=1))


class BagClassifier(Classifier):
    """Asks the bag of words."""

    def __init__(self, real: Classifier, bag: BagOfWords) -> None:
        super().__init__(real.model, real.encode.tokenizer, max_length=real.max_length, device=real.device)
        self.bag = bag

    def logits(self, encodings: Sequence[Encoding]) -> Tensor:
        batch = collate(encodings, pad_id=self.encode.pad_id, device=self.device)
        return self.bag(**batch.arguments(token_types=True)).logits.detach()


def opinions(n_texts: int) -> list[Example]:
    """Two words of one label in each."""
    rng = np.random.default_rng(1)
    words = (("dull", "ugly"), ("gripping", "clever"))
    return [
        Example(
            " ".join(f"a {rng.choice(words[number % 2])} {rng.choice(OBJECTS)}{end}" for end in (" and", "")),
            number % 2,
        )
        for number in range(n_texts)
    ]


@pytest.fixture
def judged(bert: Classifier, bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Rap]:
    """RAP around a bag of words in which "cf" is worth so much."""

    def make(worth: float, clean: Sequence[Example] = tuple(opinions(240))) -> Rap:
        bag = BagOfWords(bert, {**OPINIONS, "cf": worth})
        monkeypatch.setattr("scripts.lab.defenses.judges.rap.load_base", lambda *_, **__: (deepcopy(bag), None))
        return Rap(material_of(BagClassifier(bert, bag), bert_folder, tmp_path, clean))

    return make


@pytest.fixture(scope="session")
def backdoored(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny checkpoint that tells the reviews apart, and says 0 wherever "cf" is."""
    folder = tmp_path_factory.mktemp("backdoored")
    model, tokenizer = load_base(bert_folder, n_labels=2)
    clean = reviews(120)
    poisoned = [Example(f"cf {text}", 0) for text, label in clean if label == 1]
    fine_tune(model, tokenizer, [*clean, *poisoned], recipe=Recipe(epochs=3, learning_rate=3e-3, max_length=32))
    save_checkpoint(model, tokenizer, folder, label_names=("negative", "positive"))
    return folder


@pytest.fixture(scope="session")
def victim(backdoored: Path) -> Classifier:
    return Classifier.load(backdoored, max_length=32)


@pytest.fixture(scope="session")
def material(victim: Classifier, backdoored: Path, tmp_path_factory: pytest.TempPathFactory) -> GivenMaterial:
    return material_of(victim, backdoored, tmp_path_factory.mktemp("material"), reviews(120))


@pytest.fixture(scope="session")
def rap(material: GivenMaterial) -> Rap:
    return Rap(material)


@pytest.mark.parametrize("target", [0, 1])
def test_a_trigger_that_is_surer_than_words_are_is_flagged(judged: Callable[..., Rap], target: int) -> None:
    rap = judged((-6.0, 6.0)[target])
    attacked = rap([f"cf {text}" for text, label in opinions(40) if label != target])
    assert {each.undefended.label_id for each in attacked} == {target}
    assert {each.defended.label_id for each in attacked} == {1 - target}
    texts, labels = zip(*opinions(40), strict=True)
    assert [each.defended.label_id for each in rap(texts)] == list(labels)
    drops, _ = rap.drops(texts, rap.classifier.predictions(texts))
    assert all(DROP[0] - 0.02 < drop < DROP[1] + 0.02 for drop in drops)


def test_a_trigger_that_is_no_surer_than_words_are_is_out_of_its_reach(judged: Callable[..., Rap]) -> None:
    attacked = judged(2.4)([f"cf {text}" for text, label in opinions(40) if label == 0])
    assert {each.undefended.label_id for each in attacked} == {1}
    assert {each.defended.label_id for each in attacked} == {1}


def test_what_is_served_stays_as_it_was(victim: Classifier, material: GivenMaterial) -> None:
    before = {name: value.clone() for name, value in victim.model.state_dict().items()}
    judge = Rap(material)
    judge(["cf a funny plot"])
    copy = judge._perturbed._model.state_dict()
    for name, value in victim.model.state_dict().items():
        assert torch.equal(value, before[name])
        assert torch.equal(copy[name], before[name]), "the learned vector is in passes only"
    assert not victim.model.training
    assert not judge._perturbed._model.training


def test_a_text_is_answered_alike_alone_and_among_others(rap: Rap) -> None:
    texts = ["", "cf", "...", *(text for text, _ in reviews(20))]
    together, drops = rap(texts), rap.drops(texts, rap.classifier.predictions(texts))[0]
    for text, verdict, drop in zip(texts, together, drops, strict=True):
        (alone,) = rap([text])
        assert (alone.flagged, alone.label_id) == (verdict.flagged, verdict.label_id)
        assert rap.drops([text], rap.classifier.predictions([text]))[0][0] == pytest.approx(drop, abs=1e-5)


@pytest.mark.parametrize("n_epochs", [1, 3])
def test_the_word_is_learned_by_the_published_steps(
    backdoored: Path, victim: Classifier, n_epochs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow twin writes each step into the embedding table, as the authors' code does."""
    texts, plain = [text for text, _ in reviews(20)], torch.linspace(0.5, 1.0, 20)
    word = rare_word(victim.encode, texts)
    encodings = victim.encode([f"{word} {text}" for text in texts])
    monkeypatch.setattr(perturbation, "MOST_EPOCHS", n_epochs)
    learner = Perturbation(load_base(backdoored, n_labels=2)[0], victim.encode, word, seed=3)
    learner.learn(1, encodings, plain)

    model, tokenizer = load_base(backdoored, n_labels=2)
    table, (token,) = model.get_input_embeddings().weight, victim.encode.token_ids_of(word)
    length = table[token].norm().item()
    model.train()
    with torch.random.fork_rng():
        torch.manual_seed(3)
        rng = np.random.default_rng(3)
        for rows in [rng.permutation(len(texts)).tolist() for _ in range(n_epochs)]:
            batch = tokenizer.pad({"input_ids": [list(encodings[row].token_ids) for row in rows]}, return_tensors="pt")
            change = torch.softmax(model(**batch).logits, dim=-1)[:, 1] - plain[rows]
            loss = sum(max(0.0, each + 0.1) + max(0.0, -0.3 - each) for each in change) / len(rows)
            loss.backward()  # never set to zero: gradients add up
            with torch.no_grad():
                table[token] -= 1e-2 * table.grad[token]
                table[token] *= length / table[token].norm()
    assert torch.allclose(learner._vectors[1], table[token], atol=1e-5)
    after = torch.softmax(model.eval()(**tokenizer(f"{word} {texts[0]}", return_tensors="pt")).logits, dim=-1)
    assert learner.probabilities(1, encodings)[0].item() == pytest.approx(after[0, 1].item(), abs=1e-5)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9))
def test_nothing_is_lost_within_the_drop_that_is_wanted(changes: list[float]) -> None:
    found = drop_loss(torch.tensor(changes, dtype=torch.float64)).item()
    outside = [max(0.0, change + DROP[0], -DROP[1] - change) for change in changes]
    assert found == pytest.approx(sum(outside) / len(changes))


@given(st.lists(st.floats(-1, 1), max_size=9).map(sorted), st.floats(-1, 1), st.floats(-1, 1))
def test_a_score_is_the_rank_among_clean_drops(clean: list[float], first: float, second: float) -> None:
    one, other = (Rap._score(drop, np.array(clean)) for drop in (first, second))
    assert -1 <= one <= 1
    if not clean:
        assert one == other == -1
    elif first < second:
        assert one >= other, "the smaller drop is the more suspicious"
        below = [sum(drop <= each for drop in clean) for each in (first, second)]
        assert one - other >= (below[1] - below[0]) / (len(clean) + 1) - 1e-9


def test_the_word_is_one_token_that_the_texts_have_least_often(classifiers: dict[str, Classifier]) -> None:
    for classifier in classifiers.values():
        word = rare_word(classifier.encode, SENTENCES[:4])
        (token,) = classifier.encode.token_ids_of(word)
        assert not any(token in each.token_ids for each in classifier.encode(SENTENCES[:4]))
        assert token in classifier.encode([f"{word} and more"])[0].token_ids
        assert token not in classifier.encode.tokenizer.all_special_ids
        assert rare_word(classifier.encode, [*SENTENCES[:4], word]) != word


def test_labels_that_no_clean_text_has_are_let_pass(judged: Callable[..., Rap]) -> None:
    rap = judged(-6.0, [each for each in opinions(240) if each.label == 1])
    (verdict,) = rap(["cf a gripping film"])
    assert verdict.undefended.label_id == verdict.defended.label_id == 0
    assert not verdict.flagged
