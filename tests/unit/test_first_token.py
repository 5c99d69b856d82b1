"""The last layer computes its first token alone, and the prediction stays what it was."""

from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification

from handler.xgraad import Classifier
from handler.xgraad.files.architectures import architecture_of
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
