"""The fine-tuning loop that all attacks and repairs share, and the predictions of what it made."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from handler.xgraad.files.config_json.task import MULTI_LABEL
from handler.xgraad.words.pair import segments
from scripts.console.errors import LabError
from scripts.lab.evaluation.metrics import accuracy
from scripts.lab.training.batches import TokenizedExamples, batches_of_like_length, padded
from scripts.lab.training.pretrained import SAFELY, told_in_a_line
from scripts.lab.training.recipe import Recipe
from scripts.texts.corpora import Example, LabeledSet

WARM_UP = 0.1
"""Share of the steps over which the learning rate rises."""
MAX_GRADIENT_NORM = 1.0

Loss = Callable[[Any, Mapping[str, Tensor]], Tensor]
"""A model and a batch of its keyword arguments, `labels` included, to the scalar that training lowers."""
AfterEpoch = Callable[[Any], object]
"""Changes the model in place between two epochs and after the last; what it returns is not looked at."""


class Training(NamedTuple):
    """What a fine-tuning run did."""

    n_steps: int
    seconds: float


def classification_loss(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """The model's own cross-entropy, in nats, of its labels where it has several: what training lowers, and attacks
    may add to."""
    loss: Tensor = model(**batch).loss
    return loss


def load_base(folder: str | Path, *, n_labels: int, seed: int = 0, many: bool = False) -> tuple[Any, Any]:
    """Load an encoder to fine-tune, with or without a classification head.

    Args:
        folder: a local one, which is never looked up elsewhere.
        n_labels: classes of the head; a head of another size is replaced.
        seed: of a new head's weights.
        many: whether a text may have several labels, each a decision of its own.

    Returns:
        The model and its tokenizer.

    Raises:
        LabError: the base cannot be loaded.
    """
    weights = {"use_safetensors": True, "ignore_mismatched_sizes": True, "dtype": torch.float32}
    rule = "must be a folder with a safetensors checkpoint and a tokenizer, or NAME@REVISION on the hub"
    with told_in_a_line(f"base {str(folder)!r} {rule}", folder), _seeded(seed, "cpu"):
        tokenizer = AutoTokenizer.from_pretrained(folder, **SAFELY)
        model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=n_labels, **weights, **SAFELY)
    if many:
        model.config.problem_type = MULTI_LABEL
    return model, tokenizer


def fine_tune(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example] | Sequence[LabeledSet],
    *,
    recipe: Recipe,
    device: str = "cpu",
    progress: bool = False,
    loss: Loss = classification_loss,
    after_epoch: AfterEpoch | None = None,
) -> Training:
    """Train in place with AdamW, linear warm-up and decay, and clipped gradients; leaves the model in `eval` mode.

    Args:
        model: a sequence classifier.
        tokenizer: its tokenizer.
        examples: what to learn.
        recipe: how long, how fast and from which seed; one device, recipe and thread count give one result.
        device: a torch device name.
        progress: draw a progress bar with the loss, where a terminal shows it.
        loss: what to lower; an attack may add a penalty here.
        after_epoch: changes the model in place after each epoch.
    """
    started = time.monotonic()
    model.to(device).train()
    tokenized = TokenizedExamples(
        tokenizer, examples, n_labels=model.config.num_labels, max_length=recipe.max_length, device=device
    )
    batches = _epochs_of_batches(tokenized.lengths, recipe)
    steps_per_epoch = len(batches) // recipe.epochs
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, fused=True)
    schedule = LambdaLR(optimizer, lambda step: _warm_up_and_decay(step, len(batches)))
    losses = []
    with _seeded(recipe.seed, device), tqdm(batches, unit="step", disable=None if progress else True) as bar:
        for rows in bar:
            batch = tokenized.batch(rows)
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=recipe.precision == "bfloat16"):
                lowered = loss(model, batch)
            losses.append(_descend(model, optimizer, lowered))
            schedule.step()
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", refresh=False)
            if after_epoch is not None and len(losses) % steps_per_epoch == 0:
                after_epoch(model)
    model.eval()
    return Training(len(batches), time.monotonic() - started)


def predict_labels(
    model: Any, tokenizer: Any, texts: Sequence[str], *, max_length: int, batch_size: int = 64, device: str = "cpu"
) -> NDArray[np.int64]:
    """The most likely class of each text, `[texts]`, in their order; for the arguments see `predict_logits`."""
    logits = predict_logits(model, tokenizer, texts, max_length=max_length, batch_size=batch_size, device=device)
    return logits.argmax(axis=-1).astype(np.int64)


def predict_logits(
    model: Any, tokenizer: Any, texts: Sequence[str], *, max_length: int, batch_size: int = 64, device: str = "cpu"
) -> NDArray[np.float32]:
    """What a model says of each text.

    Args:
        model: a sequence classifier, put into `eval` mode.
        tokenizer: its tokenizer.
        texts: what to classify, in any order.
        max_length: tokens kept of a text.
        batch_size: texts per forward pass.
        device: a torch device name.

    Returns:
        `[texts, labels]` logits, in the order of the texts.
    """
    model.to(device).eval()
    predicted = np.empty((len(texts), model.config.num_labels), dtype=np.float32)
    if not texts:
        return predicted
    encoded = tokenizer(*segments(texts), truncation=True, max_length=max_length)
    by_length = np.argsort([len(ids) for ids in encoded["input_ids"]], kind="stable")
    with torch.inference_mode():
        for start in range(0, len(texts), batch_size):
            rows = by_length[start : start + batch_size]
            logits = model(**padded(tokenizer, encoded, rows, device)).logits
            predicted[rows] = logits.float().cpu().numpy()
    return predicted


def clean_accuracy(model: Any, tokenizer: Any, examples: Sequence[Example], *, max_length: int, device: str) -> float:
    """Share of examples that the model gets right."""
    texts, labels = zip(*examples, strict=True)
    return accuracy(predict_labels(model, tokenizer, texts, max_length=max_length, device=device), labels)


def save_checkpoint(model: Any, tokenizer: Any, folder: Path, *, label_names: Sequence[str] | None = None) -> None:
    """Write safetensors weights, the config with its label names where known, and the tokenizer's files."""
    if label_names is not None:
        if len(label_names) != model.config.num_labels:
            raise LabError(f"label_names must name {model.config.num_labels} classes, names {len(label_names)}")
        model.config.id2label = dict(enumerate(label_names))
        model.config.label2id = {name: number for number, name in enumerate(label_names)}
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def _epochs_of_batches(lengths: Sequence[int], recipe: Recipe) -> list[NDArray[np.int64]]:
    """Row numbers of every batch of every epoch: texts of like length together, in random order."""
    order = np.random.default_rng(recipe.seed)
    return [batch for _ in range(recipe.epochs) for batch in batches_of_like_length(lengths, recipe.batch_size, order)]


def _descend(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    """One step downhill; returns the loss before it."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
    optimizer.step()
    return loss.item()


def _warm_up_and_decay(step: int, n_steps: int) -> float:
    """Factor on the learning rate: up over the first tenth, then down to zero."""
    n_rising = max(1, round(WARM_UP * n_steps))
    return min((step + 1) / n_rising, (n_steps - step) / max(1, n_steps - n_rising))


@contextmanager
def _seeded(seed: int, device: str) -> Iterator[None]:
    """Seed what torch draws from inside a block (new weights, dropout) and leave the outside as it was."""
    devices = [torch.cuda.current_device()] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
