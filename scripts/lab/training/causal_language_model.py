"""How natural a text is to a causal language model, such as GPT-2: the whole of it, and without each of its words.

Perplexity is the exponential of the mean loss, in nats, of all tokens that have one before them. GPT-2's tokenizer puts
none in front, so that the first token of a text is what others are read after and is not scored itself. A text of one
token or none has no perplexity, which is NaN here: no threshold is reached by that, so a word without which no two
tokens are left is never taken out.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCausalLM, AutoTokenizer

from handler.xgraad.words.text import Word, check_text
from scripts.console.errors import LabError
from scripts.lab.training.pretrained import SAFELY, told_in_a_line

LONGEST = 1024
"""Tokens of a text that are read at the most, GPT-2's window; fewer where the model's is smaller."""
BATCH_TOKENS = 1024
"""Tokens of a batch, padding included, unless a single text has more. Each has a logit for every token of the
vocabulary, with GPT-2 0.2 GB a batch, and the loss makes as much again."""
NOT_SCORED = -100


class CausalLanguageModel:
    """Reads from left to right, in float32.

    Of a text that is longer than the window only the words that it holds whole are read, whatever is taken out of it.
    What lies past them has no say.

    Args:
        model: a causal language model, put into `eval` mode.
        tokenizer: its fast tokenizer.
        device: a torch device name.
    """

    def __init__(self, model: Any, tokenizer: Any, *, device: str = "cpu") -> None:
        self._model = model.to(device).eval()
        self._tokenizer = tokenizer
        self._tokenizer.truncation_side = "right"
        self._device = device
        self.window = min(LONGEST, *_windows(model, tokenizer))
        """Tokens of a text that are read at the most."""

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "cpu") -> Self:
        """Load weights from safetensors and a fast tokenizer; no code of their publisher runs.

        Args:
            folder: a local one, which is never looked up elsewhere.
            device: a torch device name.

        Raises:
            LabError: it cannot be loaded, or is no causal language model with all its weights and a tokenizer.
        """
        what = f"--language-model {str(folder)!r}"
        rule = "must be a folder with a safetensors checkpoint of a causal language model and its tokenizer"
        with told_in_a_line(f"{what} {rule}, or NAME@REVISION on the hub", folder):
            tokenizer = AutoTokenizer.from_pretrained(folder, **SAFELY)
            model, report = AutoModelForCausalLM.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **SAFELY
            )
        _require_tokenizer(what, tokenizer, model)
        if report["missing_keys"]:
            raise LabError(f"{what} must have every weight of its config, lacks {min(report['missing_keys'])}")
        if not _reads_from_left_to_right(model.eval(), n_tokens=len(tokenizer)):
            kind = model.config.model_type
            raise LabError(f"{what} must read from left to right, as GPT-2 does, is an encoder of type {kind!r}")
        return cls(model, tokenizer, device=device)

    def perplexity(self, text: str, words: Sequence[Word]) -> float:
        """Of the text, as far as the window holds whole words of it.

        Args:
            text: the text.
            words: its words, in order.

        Raises:
            TextError: the text cannot be tokenized.
        """
        return float(self._perplexities([self._read(text, words)])[0])

    def perplexities_without(self, text: str, words: Sequence[Word]) -> NDArray[np.float64]:
        """`[words]` perplexity of the text without each in turn; NaN of those past the window.

        One batch or more hold all that is asked of a text and nothing of another text: company would change the last
        bits, and so now and then an answer.

        Raises:
            TextError: the text cannot be tokenized.
        """
        read = self._read(text, words)
        found = np.full(len(words), np.nan)
        n_read = sum(word.end <= len(read) for word in words)
        found[:n_read] = self._perplexities([text_without(read, word) for word in words[:n_read]])
        return found

    def _read(self, text: str, words: Sequence[Word]) -> str:
        """The text itself where the window holds all words, else up to the last that it holds whole."""
        encoded = self._tokenizer(
            check_text(text), truncation=True, max_length=self.window, return_offsets_mapping=True
        )
        end = max((end for _, end in encoded["offset_mapping"]), default=0)
        whole = [word.end for word in words if word.end <= end]
        return text if len(whole) == len(words) else text[: max(whole, default=0)]

    def _perplexities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """`[texts]` in batches of neighbours."""
        found = np.full(len(texts), np.nan)
        encoded = self._tokenizer(list(texts), truncation=True, max_length=self.window)["input_ids"] if texts else []
        rows = [row for row, ids in enumerate(encoded) if len(ids) > 1]
        size = max(1, BATCH_TOKENS // max((len(encoded[row]) for row in rows), default=1))
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            found[batch] = self._mean_losses([torch.tensor(encoded[row]) for row in batch]).exp().cpu().numpy()
        return found

    @torch.inference_mode()
    def _mean_losses(self, texts: Sequence[Tensor]) -> Tensor:
        """`[texts]` of two token ids and more each; padding lies behind, where no token looks."""
        ids = pad_sequence(list(texts), batch_first=True).to(self._device)
        targets = pad_sequence([text[1:] for text in texts], batch_first=True, padding_value=NOT_SCORED)
        targets = torch.nn.functional.pad(targets, (0, 1), value=NOT_SCORED).to(self._device)
        mask = pad_sequence([torch.ones_like(text) for text in texts], batch_first=True).to(self._device)
        logits = self._model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        losses = cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=NOT_SCORED, reduction="none")
        scored = targets != NOT_SCORED
        return losses.view_as(targets).double().sum(dim=-1) / scored.sum(dim=-1)


def text_without(text: str, word: Word) -> str:
    """The text without a word and without a white space beside it: what is left is spaced as if it had never been."""
    if text[: word.start][-1:].isspace():
        return text[: word.start - 1] + text[word.end :]
    return text[: word.start] + text[word.end + text[word.end :][:1].isspace() :]


def _windows(model: Any, tokenizer: Any) -> tuple[int, int]:
    """Tokens that the model has positions for, and those that its tokenizer says it takes."""
    positions = getattr(model.config, "max_position_embeddings", None) or LONGEST
    return int(positions), int(tokenizer.model_max_length)


def _require_tokenizer(what: str, tokenizer: Any, model: Any) -> None:
    """Refuse a folder without the files of one, for which an empty one is made, and one of another model."""
    if not set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens):
        raise LabError(f"{what} must have a tokenizer with a vocabulary, has none; add its tokenizer.json")
    if not tokenizer.is_fast:
        raise LabError(f"{what} must have a fast tokenizer, one in tokenizer.json, has a {type(tokenizer).__name__}")
    n_embedded = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > n_embedded:
        raise LabError(f"{what} must know every token of its tokenizer, knows {n_embedded} of {len(tokenizer)}")


@torch.inference_mode()
def _reads_from_left_to_right(model: Any, *, n_tokens: int) -> bool:
    """Whether what is said after the first token is the same whatever comes second; encoders load as well."""
    logits = model(input_ids=torch.tensor([[0, 0], [0, n_tokens - 1]])).logits
    return torch.allclose(logits[0, 0], logits[1, 0], rtol=1e-3, atol=1e-4)
