"""The number format that a model's weights and activations have while it is served.

Scores and thresholds are float32 or wider in any case: attention is added up, gradients are measured and probabilities
are made in it. What half precision changes lies before that, in the model, so a calibration holds for its own only.
"""

from typing import Literal, get_args

Precision = Literal["float32", "bfloat16", "float16"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)
DEFAULT_PRECISION: Precision = "float32"
