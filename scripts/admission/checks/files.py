"""Is the folder what it says it is, and nothing more? Nothing in it is run to find out."""

from collections import Counter
from pathlib import Path
from typing import Any

import torch

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError
from handler.xgraad.files.precision import DEFAULT_PRECISION
from handler.xgraad.model.checkpoint import Checkpoint
from scripts.admission.scan import CheckResult, Status

NAME = "files"
LOOKED_FOR = (
    "pickled weights, code, missing, damaged or unexpected tensors, a tokenizer that is not the model's, "
    "a model that does not compute what its files say"
)
NOT_SEEN = ("what the weights have learned",)
N_FURTHEST = 5
"""Tensors told of, those with the largest single value beside their spread."""


def check_files(checkpoint: Path, *, device: str) -> CheckResult:
    """What the loader says of a folder, in its own words; what it loads is looked at, too.

    Values that stand far out of a tensor are told and never held against it: honest checkpoints have many.
    """
    try:
        opened = Checkpoint.open(checkpoint)
        classifier = Classifier.of(opened, device=device, max_length=None, precision=DEFAULT_PRECISION)
    except CheckpointError as error:
        return CheckResult(
            check=NAME, looked_for=LOOKED_FOR, status=Status.OBJECTS, reason=str(error), not_seen=NOT_SEEN
        )
    return CheckResult(
        check=NAME, looked_for=LOOKED_FOR, status=Status.PASSED, not_seen=NOT_SEEN, evidence=_weights(classifier)
    )


def _weights(classifier: Classifier) -> dict[str, Any]:
    """How many parameters there are of which kind, and which tensors have the loneliest values."""
    tensors = [(name, each.detach().float()) for name, each in classifier.model.named_parameters()]
    kinds = Counter(str(each.dtype).removeprefix("torch.") for each in classifier.model.parameters())
    furthest = sorted(((_furthest(each), name) for name, each in tensors), reverse=True)[:N_FURTHEST]
    return {
        "n_parameters": sum(each.numel() for _, each in tensors),
        "dtypes": dict(kinds),
        "furthest": [{"tensor": name, "deviations": round(value, 1)} for value, name in furthest],
    }


def _furthest(tensor: torch.Tensor) -> float:
    """The largest distance of a value from the mean, in standard deviations."""
    spread = float(tensor.std(correction=0))
    return float((tensor - tensor.mean()).abs().max()) / spread if spread > 0 else 0.0
