"""How much is measured: all that a GPU has to tell, or just enough to try every step without one."""

from typing import NamedTuple

from handler.xgraad.files.precision import Precision
from scripts.lab.cost.pass_names import PASSES, PLAIN
from scripts.lab.training.small_bert import BertShape

DEVICE = "XGRAAD_TEST_DEVICE"
"""Environment variable that tells the tests for a GPU which device to take."""


class Size(NamedTuple):
    """Of the model and of what is measured on it."""

    shape: BertShape
    n_train: int
    """Texts that a victim learns from, the long ones among them."""
    n_words: int
    """Of the longest text; longer ones are left out."""
    epochs: int
    learning_rate: float
    n_calibration: int
    n_clean: int
    n_triggered: int
    max_length: int
    """Tokens of the calibration's window."""
    lengths: tuple[int, ...]
    batches: tuple[int, ...]
    precisions: tuple[Precision, ...]
    """What is timed in; the attacks are measured in the first."""
    passes: tuple[str, ...]
    """Timed beside one another."""
    seconds: int
    """For all lengths and batches of one precision, about."""
    n_attacks: int
    """Planted and stopped, at most."""
    tests: tuple[str, ...]
    """More words for pytest: which of the tests for a GPU."""


SIZES = {
    "base": Size(
        shape=BertShape(width=768, n_layers=12, n_heads=12, n_positions=512, spread=0.02),
        n_train=12000,
        n_words=40,
        epochs=3,
        learning_rate=1e-4,
        n_calibration=400,
        n_clean=400,
        n_triggered=200,
        max_length=512,
        lengths=(32, 128, 512),
        batches=(1, 8, 32),
        precisions=("float32", "bfloat16", "float16"),
        passes=PASSES,
        seconds=30,
        n_attacks=6,
        tests=(),
    ),
    "tiny": Size(
        shape=BertShape(width=64, n_layers=2, n_heads=2, n_positions=64),
        n_train=6000,
        n_words=12,
        epochs=2,
        learning_rate=2e-3,
        n_calibration=160,
        n_clean=10,
        n_triggered=10,
        max_length=32,
        lengths=(32,),
        batches=(32,),
        precisions=("bfloat16",),
        passes=(PLAIN, "verified"),
        seconds=1,
        n_attacks=1,
        tests=("-k", "bert and not albert and not roberta and not distilbert and not deberta and not eurobert"),
    ),
}
"""`base` has BERT-base's shape; what it knows matters little to what it costs. `tiny` rehearses."""
