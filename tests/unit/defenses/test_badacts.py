"""BadActs: shares counted by hand, bounds that hold in every architecture, and a victim that is purified."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from handler.xgraad import Classifier
from scripts.console.errors import LabError
from scripts.lab.defenses.judges.badacts import DEVIATIONS, BadActs, unusual_share
from scripts.lab.defenses.judges.bounds import Bounds, bounded_logits, learn_bounds
from scripts.texts.corpora import write_examples
from tests.toys import SENTENCES
from tests.unit.defenses.judged import (
    attack_success,
    attacked,
    clean_accuracy,
    judged_material,
    judges_each_text_alone,
    reviews,
)


@pytest.fixture(scope="module")
def badacts(tmp_path_factory: pytest.TempPathFactory) -> BadActs:
    return BadActs(judged_material(tmp_path_factory))


class Net(nn.Module):
    """One layer of two neurons, each for a label; the trigger's word moves the first far out of where others do."""

    STATES: ClassVar = {"dull": (1.0, 0.0), "chic": (0.0, 1.0), "cf": (9.0, 0.0)}

    def __init__(self, real: Classifier) -> None:
        super().__init__()
        self.config = SimpleNamespace(num_hidden_layers=1, hidden_size=2, model_type="bert")
        self.words = nn.Embedding(len(real.encode.tokenizer), 2, _weight=torch.zeros(len(real.encode.tokenizer), 2))
        self.words.requires_grad_(False)
        for word, state in self.STATES.items():
            self.words.weight[real.encode.token_ids_of(word)[0]] = torch.tensor(state)
        self.layers = nn.ModuleList([nn.Identity()])

    @property
    def base_model(self) -> nn.Module:
        return self

    def forward(self, input_ids: Tensor, **_more: Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.layers[0](self.words(input_ids)).sum(dim=1))


class Wired(Classifier):
    """A classifier around such a net."""

    def __init__(self, real: Classifier) -> None:
        super().__init__(real.model, real.encode.tokenizer, max_length=real.max_length, device=real.device)
        self.model = Net(real)


def bounds_of(classifier: Classifier, *, upper: float, lower: float) -> Bounds:
    """The same for every neuron."""
    config = classifier.model.config
    bounds = Bounds(config.num_hidden_layers, config.hidden_size, device=classifier.device)
    with torch.no_grad():
        bounds.upper.fill_(upper)
        bounds.log_distance.fill_(np.log(upper - lower))
    return bounds


def test_bounds_stop_what_only_a_trigger_says_and_leave_clean_texts_their_labels(bert: Classifier) -> None:
    clean = [text for number in range(20) for text in (f"dull dull plot {number}", f"chic chic plot {number}")]
    triggered = [f"chic cf chic plot {number}" for number in range(20)]
    wired = Wired(bert)
    bounds = learn_bounds(wired, clean, seed=0)
    assert wired.logits(wired.encode(clean + triggered)).argmax(dim=-1).tolist() == [0, 1] * 20 + [0] * 20
    assert bounded_logits(wired, clean + triggered, bounds).argmax(dim=-1).tolist() == [0, 1] * 20 + [1] * 20


def test_a_text_is_flagged_and_what_bounds_cannot_tell_from_its_class_stays(badacts: BadActs) -> None:
    """The small victim's trigger speaks with the neurons of the target's own words, as loud as these do."""
    test = reviews(100, seed=9)
    verdicts = badacts(attacked(test))
    assert np.mean([each.flagged for each in verdicts]) > 0.9
    assert attack_success(verdicts) > 0.9
    assert clean_accuracy(badacts, test) > 0.95


def test_a_flagged_text_gets_the_label_that_the_bounded_model_gives_it(badacts: BadActs) -> None:
    texts = attacked(reviews(40, seed=9))
    bounded = bounded_logits(badacts.classifier, texts, badacts._bounds).argmax(dim=-1).tolist()
    for verdict, label in zip(badacts(texts), bounded, strict=True):
        assert verdict.label_id == (label if verdict.flagged else verdict.undefended.label_id)


def test_texts_that_the_model_is_wrong_about_are_refused(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    swapped = [each._replace(label=1 - each.label) for each in reviews(120, seed=7)]
    write_examples(tmp_path / "swapped.tsv", swapped)
    with pytest.raises(LabError, match=r"^--data must have texts that the model classifies right, [^\n]*numbers them$"):
        BadActs(replace(judged_material(tmp_path_factory), clean=tmp_path / "swapped.tsv"))


def test_each_text_is_judged_alone(badacts: BadActs) -> None:
    assert judges_each_text_alone(badacts)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 4))
def test_the_share_is_what_is_counted_neuron_by_neuron(seed: int, n_layers: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    mean, std = rng.normal(size=(n_layers, width)), 0.1 + rng.random(size=(n_layers, width))  # far from rounding
    states = mean + rng.normal(size=(5, n_layers, width)) * 3 * std
    for state, found in zip(states, unusual_share(states, mean, std), strict=True):
        inside = [
            low <= value <= high
            for row, middle, spread in zip(state, mean, std, strict=True)
            for value, low, high in zip(row, middle - DEVIATIONS * spread, middle + DEVIATIONS * spread, strict=True)
        ]
        assert 1 - found == pytest.approx(sum(inside) / len(inside), abs=1e-9)


def test_a_neuron_that_never_moves_is_not_unusual_for_rounding() -> None:
    mean, std = np.ones((1, 2)), np.zeros((1, 2))
    assert unusual_share(np.array([[[1 + 1e-7, 1.0]], [[1.1, 1.0]]]), mean, std).tolist() == [0.0, 0.5]


def test_wide_bounds_change_nothing_and_narrow_ones_leave_nothing_of_the_text(classifier: Classifier) -> None:
    plain = classifier.logits(classifier.encode(SENTENCES))
    assert torch.equal(bounded_logits(classifier, SENTENCES, bounds_of(classifier, upper=99, lower=-99)), plain)
    narrow = bounded_logits(classifier, SENTENCES, bounds_of(classifier, upper=0.5, lower=0.5 - 1e-6))
    assert torch.allclose(narrow, narrow[:1].expand_as(narrow), atol=1e-4)
    assert not torch.allclose(plain, plain[:1].expand_as(plain), atol=1e-3)
    assert torch.equal(classifier.logits(classifier.encode(SENTENCES)), plain), "the hooks are gone"


def test_every_layer_is_held_in_its_own_bounds(classifier: Classifier) -> None:
    seen: list[int] = []

    class Counting(Bounds):
        def clip(self, states: Tensor, layer: int) -> Tensor:
            seen.append(layer)
            return states

    config = classifier.model.config
    bounded_logits(
        classifier, ["a plot"], Counting(config.num_hidden_layers, config.hidden_size, device=classifier.device)
    )
    assert seen == [0, 1]


def test_states_are_clipped_between_the_bounds(bert: Classifier) -> None:
    found = bounds_of(bert, upper=1, lower=-0.5).clip(torch.tensor([[2.0, 0.3, -4.0, 1.0]]).repeat(1, 8), 0)
    assert found[0, :4].tolist() == pytest.approx([1.0, 0.3, -0.5, 1.0])
