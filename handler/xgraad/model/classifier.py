"""A frozen classifier and its two passes: plain prediction, and the traced pass that scoring needs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from handler.xgraad.errors import CheckpointError, SelfTestError, reason
from handler.xgraad.files.architectures import architecture_of
from handler.xgraad.files.dtypes import DTYPES, GRADIENT_SCALE
from handler.xgraad.files.precision import DEFAULT_PRECISION, Precision
from handler.xgraad.model.attention_capture import (
    attention_arguments,
    capture_attention,
    capture_decision,
    own_attentions,
)
from handler.xgraad.model.attribution import gradient_importance
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.model.first_token import read_first_token_only, read_states
from handler.xgraad.model.leaf_embeddings import leaf_embeddings
from handler.xgraad.model.microbatch import in_microbatches
from handler.xgraad.model.prediction import Prediction, predict
from handler.xgraad.model.self_test import (
    FULL_LENGTH,
    SHORT,
    has_windows,
    plain_logits,
    require_same,
    sample_batches,
)
from handler.xgraad.words.encoding import Batch, Encoder, Encoding, collate

N_LOOK_LAYERS = 3
"""How many of the last layers' states a look keeps."""
DEFAULT_MAX_LENGTH = 256
"""Tokens the model looks at, special ones included; the paper's script uses the same."""
PLAIN_TOKENS = {"cpu": 4096, "cuda": 65_536}
"""Padded tokens in one micro-batch without gradients. A bound on memory; on a CPU from 512 up it costs no time."""
TRACED_TOKENS = {"cpu": 1024, "cuda": 32_768}
"""The same with gradients, where every layer's activations are kept until the backward pass."""


class Trace(NamedTuple):
    """What one traced pass gives for one text; tensors on the CPU, without padding."""

    logits: Tensor
    """`[labels]`."""
    attention: Tensor
    """Attention importance (Eq. 2), `[tokens]`."""
    gradient: Tensor
    """Gradient importance (Eq. 4), `[tokens]`."""


class Look(NamedTuple):
    """What one plain forward pass shows of one text; tensors on the CPU, without padding."""

    logits: Tensor
    """`[labels]`."""
    decision: Tensor
    """Attention that what the label is read of, the first token or all, pays to each in the last layer, `[tokens]`."""
    states: Tensor
    """Its hidden state after each of the last layers, `[layers, width]`; of all tokens their mean."""


class Classifier:
    """A checkpoint prepared for attribution: frozen, its attention readable."""

    def __init__(
        self, model: Any, tokenizer: Any, *, max_length: int, device: torch.device, takes_pairs: bool = False
    ) -> None:
        self.model = model
        self.encode = Encoder(tokenizer, max_length=max_length, takes_pairs=takes_pairs)
        self.max_length = max_length
        self.device = device
        config = model.config
        self.labels: tuple[str, ...] = tuple(str(config.id2label[i]) for i in range(config.num_labels))
        self._has_token_types = architecture_of(config).has_token_types
        self._own_attentions = own_attentions(model)
        self._arguments = attention_arguments(self._own_attentions)
        self._n_layers_seen = 0

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: str = "cpu",
        max_length: int | None = None,
        precision: Precision = DEFAULT_PRECISION,
        takes_pairs: bool = False,
    ) -> "Classifier":
        """Load a checkpoint and prove that it can be defended.

        Args:
            folder: what `save_pretrained()` wrote: config.json, model.safetensors, tokenizer.json.
            device: as torch names it, "cpu" or "cuda:0".
            max_length: tokens to look at; by default 256 or what model and tokenizer hold, whichever is less.
            precision: of weights and activations.
            takes_pairs: whether it judges pairs of texts (see `words.pair`), and no single ones.

        Raises:
            CheckpointError: the folder is unsafe, incomplete or unsupported, or its parts do not fit one another.
            SelfTestError: other logits than the plain model's, or no usable attentions or gradients.
        """
        opened = Checkpoint.open(folder)
        return cls.of(opened, device=device, max_length=max_length, precision=precision, takes_pairs=takes_pairs)

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        *,
        device: str = "cpu",
        max_length: int | None = None,
        precision: Precision = DEFAULT_PRECISION,
        takes_pairs: bool = False,
    ) -> "Classifier":
        """The same of a checkpoint that was opened."""
        limit, tokenizer = checkpoint.longest_input, checkpoint.tokenizer
        length = int(min(DEFAULT_MAX_LENGTH, limit, tokenizer.model_max_length)) if max_length is None else max_length
        if not 8 <= length <= limit:
            raise CheckpointError(f"max_length must be between 8 and {limit} for this model, got {length}")
        where = torch.device(device)
        model, plain = checkpoint.models(device=where, dtype=DTYPES[precision])
        read_first_token_only(model)
        classifier = cls(model, tokenizer, max_length=length, device=where, takes_pairs=takes_pairs)
        classifier.self_test(plain)
        return classifier

    def logits(self, encodings: Sequence[Encoding]) -> Tensor:
        """Plain prediction: `[texts, labels]` on the CPU, in the order given."""
        if not encodings:
            return torch.empty(0, len(self.labels))
        with torch.inference_mode():
            rows = in_microbatches(encodings, self._logits_part, max_tokens=PLAIN_TOKENS[self.device.type])
        return torch.stack(rows)

    def predictions(self, texts: Sequence[str]) -> list[Prediction]:
        """What is said of each text, in order.

        Raises:
            TextError: a text that no tokenizer can take.
        """
        return predict(self.logits(self.encode(texts)), self.labels)

    def look(self, encodings: Sequence[Encoding]) -> list[Look]:
        """Prediction, attention and hidden states of each text, without a backward pass."""
        with torch.inference_mode():
            return in_microbatches(encodings, self._look_part, max_tokens=PLAIN_TOKENS[self.device.type])

    def trace(self, encodings: Sequence[Encoding]) -> list[Trace]:
        """Logits, attention and gradient importance of each text, one forward and one backward per micro-batch.

        The gradient is that of the predicted class's logit to the output of the word embedding table; no parameter
        gets one. Works inside `torch.inference_mode`, as TorchServe's handlers run.
        """
        with torch.inference_mode(False), torch.enable_grad():
            return in_microbatches(encodings, self._trace_part, max_tokens=TRACED_TOKENS[self.device.type])

    def self_test(self, plain: Any) -> None:
        """Show that logits are the plain model's, and that attentions and gradients are there and finite.

        Args:
            plain: the model as transformers makes it of the same folder.

        Raises:
            SelfTestError: they are not; the message says which.
        """
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.model.parameters()):
            raise SelfTestError("parameters: not finite; the weights are damaged")
        try:
            trace = self.trace(self.encode([self.encode.sample(SHORT)]))[0]
            n_layers = self.model.config.num_hidden_layers
            if self._n_layers_seen != n_layers:
                raise SelfTestError(f"attention: {self._n_layers_seen} of {n_layers} layers can be read")
            self._compare(plain)
        except (torch.OutOfMemoryError, torch.AcceleratorError):
            raise
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise SelfTestError(f"forward pass: fails, {type(error).__name__}: {reason(error)}") from error
        for name, values in zip(Trace._fields, trace, strict=True):
            if not torch.isfinite(values).all():
                raise SelfTestError(f"{name}: not finite; the weights are damaged")
        if not trace.gradient.any():
            raise SelfTestError("gradient: zero everywhere; the prediction does not depend on the text")

    def _compare(self, plain: Any) -> None:
        """Hold each way of computing logits against the plain model; texts stay in one batch, so padding counts."""
        for name, texts in sample_batches(self.encode).items():
            with torch.inference_mode():
                ways = {"in the plain pass": self._logits_part(texts)}
                ways["in the pass that looks"] = [look.logits for look in self._look_part(texts)]
            if name != FULL_LENGTH or has_windows(self.model.config):
                with torch.inference_mode(False), torch.enable_grad():
                    ways["in the traced pass"] = [trace.logits for trace in self._trace_part(texts)]
            expected = plain_logits(plain, self._collate(texts))
            require_same(expected, ways, texts=name, dtype=self.model.dtype)

    def warm_up(self) -> None:
        """Make both passes at their largest, so that no request pays for what a device does the first time."""
        longest = self.encode.with_template([self.encode.pad_id] * self.max_length)
        is_cpu = self.device.type == "cpu"
        self.look([longest] * (1 if is_cpu else PLAIN_TOKENS["cuda"] // len(longest)))
        self.trace([longest] * (1 if is_cpu else TRACED_TOKENS["cuda"] // len(longest)))

    def _collate(self, encodings: Sequence[Encoding]) -> Batch:
        return collate(encodings, pad_id=self.encode.pad_id, device=self.device)

    def _forward(self, batch: Batch, **arguments: Any) -> Any:
        return self.model(**batch.arguments(token_types=self._has_token_types), **arguments)

    def _logits_part(self, encodings: Sequence[Encoding]) -> list[Tensor]:
        return list(self._forward(self._collate(encodings)).logits.float().cpu())

    def _look_part(self, encodings: Sequence[Encoding]) -> list[Look]:
        batch = self._collate(encodings)
        config = self.model.config
        with capture_decision(self.model, self._own_attentions, batch.mask) as decision:
            output = self._forward(batch, output_hidden_states=True, **self._arguments)
        # The first of the hidden states is the embedding, where the first token is the same in every text.
        last = output.hidden_states[1:][-N_LOOK_LAYERS:]
        states = torch.stack([read_states(each, batch.mask, config) for each in last], dim=1)
        logits, attention, states = (part.float().cpu() for part in (output.logits, decision.importance(), states))
        return [
            Look(logits[row], attention[row, : len(encoding)], states[row]) for row, encoding in enumerate(encodings)
        ]

    def _trace_part(self, encodings: Sequence[Encoding]) -> list[Trace]:
        batch = self._collate(encodings)
        with capture_attention(self._own_attentions, batch.mask) as columns, leaf_embeddings(self.model) as leaf:
            logits = self._forward(batch, **self._arguments).logits
            scale = GRADIENT_SCALE.get(logits.dtype, 1.0)
            predicted = logits.float().max(dim=-1).values.sum() * scale
            (gradients,) = torch.autograd.grad(predicted, leaf)
        self._n_layers_seen = columns.n_layers
        parts = (logits.detach().float(), columns.importance().float(), gradient_importance(gradients.float() / scale))
        logits_cpu, attention, gradient = (part.cpu() for part in parts)
        return [
            Trace(logits_cpu[row], attention[row, : len(encoding)], gradient[row, : len(encoding)])
            for row, encoding in enumerate(encodings)
        ]
