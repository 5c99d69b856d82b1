"""Make a reference: fine-tune a base that the operator trusts on the labelled calibration texts.

A few hundred texts make a weaker classifier than the suspect, and a good witness: it has to know what words mean, and
never saw the attacker's data. The texts that it is to judge words by are held out.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from handler.xgraad import Classifier
from handler.xgraad.files.fingerprint import Conditions, Fingerprint
from handler.xgraad.files.precision import DEFAULT_PRECISION
from handler.xgraad.learned.trusted_model import TrustedModel
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.verification.probes import make_probes
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.pair import is_pair
from scripts.console.errors import LabError
from scripts.hub.origin import model_name
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.victim import fine_tune, load_base, save_checkpoint
from scripts.texts.corpora import Example, LabeledSet


@dataclass(frozen=True, kw_only=True)
class TrustedBase:
    """A base, and how it is fine-tuned."""

    name: str
    """Its folder."""
    epochs: int = 4
    learning_rate: float = 1e-4
    seed: int = 0
    precision: str = "float32"
    """Of the matrix products of training."""


def train_reference(
    base: TrustedBase,
    learned: Sequence[Example],
    held_out: Sequence[Example],
    *,
    n_labels: int,
    max_length: int,
    device: str,
    out: Path,
) -> tuple[TrustedModel, Transplant]:
    """Fine-tune and save.

    Args:
        base: what to start from.
        learned: labelled texts to learn from.
        held_out: the texts that words are put into.
        n_labels: classes of the suspect.
        max_length: tokens of the suspect's window.
        device: as torch names it.
        out: folder for the model; an earlier one is replaced.

    Returns:
        What it is, and the model ready to be asked.

    Raises:
        LabError: the base cannot be loaded, or a label is none of the suspect's classes.
    """
    unknown = next((each.label for each in (*learned, *held_out) if each.label >= n_labels), None)
    if unknown is not None:
        raise LabError(f"label must be below {n_labels}, the number of the model's classes, is {unknown}")
    made = make_reference_model(base, learned, n_labels=n_labels, max_length=max_length, device=device, out=out)
    classifier = made.classifier
    logits = classifier.logits(classifier.encode([example.text for example in held_out]))
    predicted = logits.argmax(dim=-1)
    labels = torch.tensor([example.label for example in held_out])
    texts = [
        [
            example.text
            for example, found in zip(held_out, predicted.tolist(), strict=True)
            if found == label == example.label
        ]
        for label in range(n_labels)
    ]
    accuracy = float((predicted == labels).float().mean())
    record = made.record(base, n_texts=len(learned), accuracy=accuracy, texts=texts)
    return record, Transplant(classifier, record.probes)


class ReferenceModel(NamedTuple):
    """A base that was fine-tuned, saved and loaded again as a server does it."""

    classifier: Classifier
    fingerprint: Fingerprint

    def record(
        self, base: TrustedBase, *, n_texts: int, accuracy: float, texts: Sequence[Sequence[str]]
    ) -> TrustedModel:
        """What it is, with the texts that words are put into, by label."""
        return TrustedModel(
            base=model_name(Path(base.name)),
            seed=base.seed,
            n_texts=n_texts,
            accuracy=accuracy,
            fingerprint=self.fingerprint,
            probes=make_probes(texts, self.classifier.encode),
        )


def make_reference_model(
    base: TrustedBase,
    learned: Sequence[Example] | Sequence[LabeledSet],
    *,
    n_labels: int,
    max_length: int,
    device: str,
    out: Path,
) -> ReferenceModel:
    """Fine-tune, save in half the size, and load; for the arguments see `train_reference`.

    Raises:
        LabError: the base cannot be loaded.
    """
    many = isinstance(learned[0], LabeledSet)
    model, tokenizer = load_base(base.name, n_labels=n_labels, seed=base.seed, many=many)
    recipe = Recipe(
        epochs=base.epochs,
        learning_rate=base.learning_rate,
        max_length=max_length,
        seed=base.seed,
        precision=base.precision,
    )
    fine_tune(model, tokenizer, learned, recipe=recipe, device=device, progress=True)
    shutil.rmtree(out, ignore_errors=True)
    save_checkpoint(model.cpu().half(), tokenizer, out)
    checkpoint = Checkpoint.open(out, several_labels=many)
    takes_pairs = any(is_pair(example.text) for example in learned)
    conditions = Conditions(max_length=max_length, precision=DEFAULT_PRECISION, takes_pairs=takes_pairs)
    classifier = Classifier.of(checkpoint, device=device, **conditions)
    return ReferenceModel(classifier, checkpoint.fingerprint(**conditions))
