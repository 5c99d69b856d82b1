"""A model without a classification head, and its tokenizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from scripts.console.errors import LabError

INPUTS = ("input_ids", "attention_mask")
"""What most architectures are given; BERT and its nearest kin tell token types apart, too."""
INPUTS_AND_TYPES = ("input_ids", "token_type_ids", "attention_mask")


@dataclass(frozen=True, kw_only=True)
class Base:
    """What `train_attack --base` takes once it is saved. The head is left to fine-tuning, which seeds it."""

    model: Any
    tokenizer: Any

    def save(self, folder: Path) -> None:
        """Write safetensors weights, the config and the tokenizer; equal bytes for equal bases."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_pretrained(folder)
        # Padding and cutting, once asked for, stay in a fast tokenizer and would be saved with it.
        self.tokenizer.backend_tokenizer.no_padding()
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.save_pretrained(folder)


def fill(model: Any, weights: Mapping[str, Tensor], *, fresh: tuple[str, ...] = ()) -> Any:
    """Give a model its weights and put it into `eval` mode.

    Args:
        model: changed in place and returned.
        weights: by the model's names.
        fresh: parts of names that may be missing and keep what the model drew for them.

    Raises:
        LabError: a weight is missing or has no place in the model.
    """
    report = model.load_state_dict({name: tensor.contiguous() for name, tensor in weights.items()}, strict=False)
    missing = [name for name in report.missing_keys if not any(part in name for part in fresh)]
    if missing or report.unexpected_keys:
        raise LabError(f"weights must fit the model: missing {missing[:3]}, unexpected {report.unexpected_keys[:3]}")
    return model.eval()


def fast_tokenizer(tokenizer: Tokenizer, special: Mapping[str, str], *, window: int, inputs: tuple[str, ...]) -> Any:
    """The tokenizer in the form that models are saved and trained with.

    Args:
        tokenizer: with its template of special tokens.
        special: parts such as `cls` to their tokens.
        window: the most tokens the model takes, special ones included.
        inputs: what the model is given, `INPUTS` or `INPUTS_AND_TYPES`.
    """
    names = {f"{part}_token": token for part, token in special.items()}
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=window, model_input_names=list(inputs), **names
    )
