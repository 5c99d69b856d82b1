"""The last layer computes its first token alone where that one is read, and the prediction stays what it was."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, BertConfig, ModernBertConfig

from handler.xgraad import Classifier
from handler.xgraad.files.architectures import architecture_of
from handler.xgraad.model.first_token import read_states
from tests import toys
from tests.toys import SENTENCES


def test_logits_and_states_are_those_of_the_whole_model(
    classifier: Classifier, checkpoints: dict[str, Path], architecture: str
) -> None:
    whole = AutoModelForSequenceClassification.from_pretrained(checkpoints[architecture]).eval()
    encodings = classifier.encode([*SENTENCES, "plot " * 90])
    logits = classifier.logits(encodings)
    for row, (encoding, look) in enumerate(zip(encodings, classifier.look(encodings), strict=True)):
        with torch.no_grad():
            expected = whole(input_ids=torch.tensor([encoding.token_ids]), output_hidden_states=True)
        assert torch.allclose(logits[row], expected.logits[0], atol=1e-5)
        assert torch.allclose(look.logits, expected.logits[0], atol=1e-5)
        states = torch.stack([state[0, 0] for state in expected.hidden_states[1:]])
        assert torch.allclose(look.states, states, atol=1e-5)


def test_the_other_tokens_are_not_computed(classifier: Classifier) -> None:
    """Where layers share their modules all of them are left as they were."""
    is_cut = architecture_of(classifier.model.config).last_layer is not None
    seen: list[int] = []
    (encoding,) = classifier.encode(["the plot is thin"])
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape[1]))
        for name, module in classifier.model.named_modules()
        if name.endswith(("intermediate.dense", "ffn.lin1", "ffn"))
    ]
    try:
        classifier.logits([encoding])
    finally:
        for hook in hooks:
            hook.remove()
    assert seen[0] == len(encoding)
    assert seen[-1] == (1 if is_cut else len(encoding))


@pytest.mark.parametrize(("name", "part"), [("modernbert", "mlp.Wo"), ("mpnet", "intermediate.dense")])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_where_the_mean_of_all_is_read_all_are_computed(tmp_path: Path, name: str, part: str, pooling: str) -> None:
    changes: dict[str, Any] = {"classifier_pooling": pooling} if name == "modernbert" else {}
    classifier = Classifier.load(toys.make_checkpoint(tmp_path / name, name, **changes))
    seen: list[int] = []
    (encoding,) = classifier.encode(["the plot is thin"])
    for module_name, module in classifier.model.named_modules():
        if module_name.endswith(part):
            module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.shape[1]))
    classifier.logits([encoding])
    assert seen == [len(encoding), len(encoding) if changes == {"classifier_pooling": "mean"} else 1]


def test_what_is_read_is_the_first_token_or_the_mean_of_the_text() -> None:
    states = torch.tensor([[[1.0], [3.0], [90.0]], [[2.0], [4.0], [9.0]]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    first, mean = (ModernBertConfig(classifier_pooling=pooling) for pooling in ("cls", "mean"))
    assert read_states(states, mask, first).tolist() == [[1], [2]]
    assert read_states(states, mask, mean).tolist() == [[2], [5]]
    stray = BertConfig(classifier_pooling="mean")  # a key of others is none of a BERT's
    assert read_states(states, mask, stray).tolist() == [[1], [2]]
