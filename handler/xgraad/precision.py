"""The number format that a model's weights and activations have while it is served.

Scores and thresholds are float32 or wider in any case: attention is added up, gradients are measured and probabilities
are made in it. What half precision changes lies before that, in the model, so a calibration holds for its own only.
"""

from typing import Literal

import torch

Precision = Literal["float32", "bfloat16", "float16"]

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
DEFAULT_PRECISION: Precision = "float32"
GRADIENT_SCALE = {torch.float16: 1024.0}
"""What the objective of a backward pass is multiplied with, so that float16 does not round small gradients to zero."""
