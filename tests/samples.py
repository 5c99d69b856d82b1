"""Made-up records and damaged checkpoints, for tests that need one thing to be exactly so."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from handler.xgraad import Calibration
from handler.xgraad.encoding import Encoding
from handler.xgraad.fingerprint import Fingerprint
from handler.xgraad.prediction import Prediction
from handler.xgraad.scorer import Score

FINGERPRINT = Fingerprint(
    weights="w" * 64,
    config="c" * 64,
    tokenizer="t" * 64,
    max_length=64,
    precision="float32",
    scorer=1,
    torch="2.13",
    transformers="5.23",
)
PREDICTION = Prediction(label="good", label_id=1, score=0.75, probabilities={"bad": 0.25, "good": 0.75})


def a_score(anomaly_score: float, n_tokens: int, *, truncated: bool = False) -> Score:
    """A score of a text that does not exist."""
    nothing = Encoding(text="", words=(), token_ids=(), token_types=(), word_of_token=(), truncated=truncated)
    return Score(encoding=nothing, prediction=PREDICTION, anomaly_score=anomaly_score, n_tokens=n_tokens, words=())


def shifted(calibration: Calibration, offset: float) -> Calibration:
    """The same calibration with every conformal threshold at the wanted offset: -50 flags all, 50 flags nothing."""
    conformal = calibration.conformal.model_copy(update={"offset": offset})
    return calibration.model_copy(update={"conformal": conformal})


def copy_of(folder: Path, target: Path) -> Path:
    """A checkpoint that a test may damage."""
    return Path(shutil.copytree(folder, target))


def edit_json(path: Path, **changes: Any) -> None:
    """Set keys of a JSON object in a file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    """Change tensors of model.safetensors in place."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})
