"""Number formats as torch has them."""

import torch

from handler.xgraad.files.precision import Precision

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
GRADIENT_SCALE = {torch.float16: 1024.0}
"""What the objective of a backward pass is multiplied with, so that float16 does not round small gradients to zero."""
