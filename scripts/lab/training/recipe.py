"""How a model is fine-tuned. Needs no torch: command lines show the choices."""

from dataclasses import dataclass

from scripts.console.errors import LabError

TRAINING_PRECISIONS = ("float32", "bfloat16")
"""bfloat16 trains nearly twice as fast on processors and GPUs that have it."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model is fine-tuned; the defaults suit pretrained encoders."""

    epochs: int = 3
    """Passes over the examples."""
    learning_rate: float = 2e-5
    """Its highest value. Small encoders with random weights need about 5e-4."""
    batch_size: int = 32
    """Texts per step."""
    max_length: int = 128
    """Tokens kept of a text."""
    seed: int = 0
    """Of the order of texts and of dropout."""
    precision: str = "float32"
    """Of the matrix products, one of `TRAINING_PRECISIONS`; weights and optimizer stay in float32."""

    def __post_init__(self) -> None:
        for name in ("epochs", "learning_rate", "batch_size", "max_length"):
            if not getattr(self, name) > 0:
                raise LabError(f"{name} must be above 0, is {getattr(self, name)}")
        if self.precision not in TRAINING_PRECISIONS:
            raise LabError(f"precision must be one of {', '.join(TRAINING_PRECISIONS)}, is {self.precision!r}")
