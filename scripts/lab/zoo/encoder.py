"""The small BERT that all bases are made from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoConfig, AutoTokenizer, BertModel

from scripts.console.errors import LabError


@dataclass(frozen=True, kw_only=True)
class EncoderWeights:
    """A BERT without a classification head."""

    config: Any
    weights: dict[str, Tensor]
    """By their names in `BertModel`; not to be changed in place."""
    tokenizer: Tokenizer
    """Without padding and truncation."""
    special: dict[str, str]
    """`cls`, `mask`, `pad`, `sep` and `unk` to the tokens that play these parts."""

    @classmethod
    def load(cls, folder: Path) -> "EncoderWeights":
        """Read a checkpoint.

        Args:
            folder: with a BERT in safetensors and a fast tokenizer; nothing is looked up elsewhere.

        Raises:
            LabError: the folder holds something else.
        """
        if not folder.is_dir():
            raise LabError(f"encoder must be a folder, is {folder}")
        safely = {"local_files_only": True, "trust_remote_code": False}
        try:
            config = AutoConfig.from_pretrained(folder, **safely)
            if config.model_type != "bert":
                raise LabError(f"encoder must be a bert, {folder} holds a {config.model_type}")
            model = _model(folder, safely)
            tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().split("\n")[0]
            raise LabError(f"encoder {folder} must hold a safetensors checkpoint and a tokenizer: {reason}") from error
        special = {part: getattr(tokenizer, f"{part}_token") for part in ("cls", "mask", "pad", "sep", "unk")}
        absent = [part for part, token in special.items() if token is None]
        if absent or not tokenizer.is_fast:
            raise LabError(f"encoder {folder} must have a fast tokenizer with all special tokens, lacks {absent}")
        plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        plain.no_padding()
        plain.no_truncation()
        return cls(config=model.config, weights=model.state_dict(), tokenizer=plain, special=special)

    @property
    def ids(self) -> dict[str, int]:
        """`cls`, `mask`, `pad`, `sep` and `unk` to the ids of their tokens."""
        vocabulary = self.tokenizer.get_vocab()
        return {part: vocabulary[token] for part, token in self.special.items()}

    @property
    def words(self) -> Tensor:
        """The word embeddings, `[vocabulary, width]`."""
        return self.weights["embeddings.word_embeddings.weight"]

    @property
    def positions(self) -> Tensor:
        """The position embeddings, `[positions, width]`."""
        return self.weights["embeddings.position_embeddings.weight"]

    @property
    def first_type(self) -> Tensor:
        """The embedding of token type 0, the only one that single texts have, `[width]`."""
        return self.weights["embeddings.token_type_embeddings.weight"][0]


def _model(folder: Path, safely: dict[str, bool]) -> Any:
    """The model in float32; what the checkpoint lacks is refused, except a pooler, which bases learn anew."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model, report = BertModel.from_pretrained(
            folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **safely
        )
    missing = [name for name in report["missing_keys"] if not name.startswith("pooler.")]
    if missing:
        raise LabError(f"encoder {folder} must hold all weights of a bert, lacks {min(missing)}")
    return model
