"""Classifiers that pool all tokens: whatever looks at the first token elsewhere looks at the mean there."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from handler.xgraad import Classifier
from handler.xgraad.memory.registry import Trigger
from scripts.admission.attribution.effects import indirect_effects
from scripts.admission.attribution.heads import Positions, shifted
from scripts.admission.attribution.inside import look_inside
from scripts.admission.attribution.pairs import Backdoor, draw_clean, make_pairs
from scripts.admission.attribution.vector import steer
from scripts.lab.defenses.judges.states import states_read
from scripts.lab.defenses.repairs.bkdattr import effects_of
from scripts.lab.defenses.repairs.heads import rows_read
from tests.conftest import CLEAN_TEXTS
from tests.toys import SENTENCES, make_checkpoint

POOLED = [("eurobert", "late"), ("eurobert", "mean"), ("modernbert", "mean")]
LAYER, WIDTH = 0, 32


@pytest.fixture(scope="module", params=POOLED, ids="-".join)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name, pooling = request.param
    return make_checkpoint(tmp_path_factory.mktemp("pooled") / name, name, classifier_pooling=pooling)


@pytest.fixture(scope="module")
def pooled(folder: Path) -> Classifier:
    return Classifier.load(folder)


@pytest.fixture(scope="module")
def plain(folder: Path) -> Any:
    return AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()


def test_states_are_the_means_of_the_plain_models(pooled: Classifier, plain: Any) -> None:
    found = states_read(pooled, SENTENCES)
    for row, encoding in enumerate(pooled.encode(SENTENCES)):
        with torch.no_grad():
            hidden = plain(torch.tensor([encoding.token_ids]), output_hidden_states=True).hidden_states[1:]
        expected = torch.stack([states[0].mean(dim=0) for states in hidden])
        assert found[row] == pytest.approx(expected.numpy(), abs=1e-4)
        assert found[row] != pytest.approx(torch.stack([states[0, 0] for states in hidden]).numpy(), abs=1e-2)


def test_attention_is_the_mean_of_what_all_tokens_attend_to(pooled: Classifier, plain: Any) -> None:
    texts = pooled.encode.tokenizer(SENTENCES[:3], padding=True, return_tensors="pt")
    batch = {name: texts[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        _, rows = rows_read(plain, batch)
        for row, encoding in enumerate(pooled.encode(SENTENCES[:3])):
            attentions = plain(torch.tensor([encoding.token_ids]), output_attentions=True).attentions
            expected = torch.stack([layer[0].mean(dim=1) for layer in attentions])
            assert torch.allclose(rows[:, row, :, : len(encoding)], expected, atol=1e-5)
            assert rows[:, row, :, len(encoding) :].abs().sum() == 0


def test_a_vector_is_added_at_every_token(pooled: Classifier) -> None:
    encodings, vector = pooled.encode(SENTENCES[:3]), torch.linspace(-1, 1, WIDTH)
    before = look_inside(pooled, encodings)
    with shifted(pooled.model, LAYER, vector, positions=Positions.read(pooled.model.config)):
        after = look_inside(pooled, encodings)
    change = after.mean[:, LAYER].flatten(1) - before.mean[:, LAYER].flatten(1)
    assert torch.allclose(change, vector.expand(3, -1), atol=1e-5)


def test_a_vector_steers_more_than_the_first_token(pooled: Classifier) -> None:
    """A model that reads the mean hardly knows what happens at one token in many."""
    encodings = pooled.encode(CLEAN_TEXTS[:32])
    others = [each for each, logits in zip(encodings, pooled.logits(encodings), strict=True) if logits.argmax() == 0]
    vectors = 5 * torch.randn(8, 2, WIDTH, generator=torch.Generator().manual_seed(0))
    turned = []
    for each in vectors:
        with shifted(pooled.model, LAYER, each[LAYER], positions=Positions.FIRST):
            at_first = float((pooled.logits(others).argmax(dim=-1) == 1).float().mean())
        turned.append((at_first, steer(pooled, others, others, each, layer=LAYER, target=1).up))
    firsts, steered = zip(*turned, strict=True)
    assert max(steered) > max(firsts)


def test_heads_are_ranked_by_what_they_say_at_every_token(pooled: Classifier) -> None:
    clean = draw_clean(pooled, CLEAN_TEXTS, None)
    trigger = Trigger(frozenset({"film"}), 0)
    found = effects_of(pooled, clean, [trigger], 0)
    untouched, triggered = zip(*make_pairs(pooled, Backdoor([["film"]], 0), clean), strict=True)
    expected = {
        positions: indirect_effects(
            pooled, untouched, look_inside(pooled, triggered).at(positions), target=0, positions=positions
        )
        for positions in Positions
    }
    assert torch.equal(found, expected[Positions.EVERY])
    assert not torch.allclose(found, expected[Positions.FIRST])
