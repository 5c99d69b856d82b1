"""What a classifier computes, in each of its ways, against the plain model of the same folder.

Ours reads attention on the way and leaves out what no one reads; the logits must be the plain model's all the same, for
a text alone, for texts padded to one length, and for one that fills the window.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from handler.xgraad.errors import SelfTestError
from handler.xgraad.files.architectures import architecture_of
from handler.xgraad.words.encoding import Batch, Encoder, Encoding

SHORT = "a short text to look at before anything is served"
LONGER = " ".join(f"{SHORT}, number {number};" for number in range(1, 6))
"""More tokens than the bound between the two ways in which a CPU takes attention apart."""
FULL_LENGTH = "full length"
"""Where the traced pass is left out: it costs as much as all else, and goes the way of the padded texts. But for models
whose layers have windows, which shorter texts fit into: see `has_windows`."""
WINDOWED = "sliding_attention"
"""What a configuration calls a layer in which a token sees its neighbors alone."""
TOLERANCE = {torch.float32: 1e-3, torch.float16: 3e-2, torch.bfloat16: 1.5e-1}
"""How far logits may lie from the plain model's, as a share of the largest; rounding makes 1e-5, 4e-3 and 3e-2."""
LEAST_SCALE = 1e-2
"""Logits below this are held to the share of this."""


def sample_batches(encode: Encoder) -> dict[str, list[Encoding]]:
    """Texts of the project's own, by what is special about their lengths."""
    short, longer, filling = encode([encode.sample(text) for text in (SHORT, LONGER, f"{SHORT} " * encode.max_length)])
    return {"short": [short], "padded": [longer, short], FULL_LENGTH: [filling]}


def has_windows(config: Any) -> bool:
    """Whether some layers of the model that `config` describes see less than a whole text."""
    return WINDOWED in (getattr(config, "layer_types", None) or ())


def plain_logits(plain: Any, batch: Batch) -> Tensor:
    """Logits of the plain model, `[batch, labels]` float32."""
    with torch.inference_mode():
        output = plain(**batch.arguments(token_types=architecture_of(plain.config).has_token_types))
    return output.logits.float().cpu()


def require_same(expected: Tensor, ways: Mapping[str, Sequence[Tensor]], *, texts: str, dtype: torch.dtype) -> None:
    """Refuse a classifier that computes another model than the plain one.

    Args:
        expected: the plain model's logits, `[batch, labels]`.
        ways: logits of each text by each way of computing them, `[labels]`.
        texts: what is special about these texts.
        dtype: of weights and activations.

    Raises:
        SelfTestError: names the way, the texts and both sides.
    """
    tolerance = TOLERANCE[dtype] * max(LEAST_SCALE, float(expected.abs().max()))
    for way, rows in ways.items():
        distance = float((torch.stack(list(rows)) - expected).abs().max())
        if not distance <= tolerance:
            raise SelfTestError(
                f"logits: differ from plain transformers' by {distance:.2g} (allowed {tolerance:.2g}), {way} "
                f"of {texts} texts; this checkpoint runs in a way that is not supported"
            )
