"""One label's view from its definition: the sigmoid of a logit, and a gradient taken through the plain model."""

import math
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def label_probability(logit: float, threshold: float) -> float:
    """The sigmoid of the logit, moved so that it is one half where the plain sigmoid is the threshold."""
    return 1 / (1 + math.exp(-(logit - math.log(threshold / (1 - threshold)))))


def view_gradient(folder: Path, text: str, label: int, threshold: float) -> list[float]:
    """Norm of the gradient of the view's predicted logit to each token's embedding, in the plain model.

    The predicted logit is half the distance of the label's logit to the threshold's, whichever side it is on.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    batch = tokenizer(text, return_tensors="pt")
    leaf = model.get_input_embeddings()(batch.pop("input_ids")).detach().requires_grad_()
    logit = model(inputs_embeds=leaf, **batch).logits[0, label]
    ((logit - math.log(threshold / (1 - threshold))).abs() / 2).backward()
    assert leaf.grad is not None
    return [float(torch.linalg.vector_norm(each)) for each in leaf.grad[0]]
