"""Checkpoints with one thing changed in one of their files, and what has to become of each."""

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from handler.xgraad import Classifier
from handler.xgraad.errors import XGraadError
from handler.xgraad.files.architectures import ARCHITECTURES
from handler.xgraad.quiet import quiet_transformers
from tests.toys import SENTENCES

TEXTS = [*SENTENCES[:4], "ÉTÉ 電影 [MASK] <mask>, don't", "plot " * 90]

Change = Callable[[Any], Any]
REMOVED = object()


def refusal_or_plain_logits(folder: Path) -> str | None:
    """The message with which the folder is refused; None where it is served with the plain model's logits.

    Anything else is an assertion error or whatever was raised.
    """
    try:
        classifier = Classifier.load(folder)
    except XGraadError as error:
        message = str(error)
        assert "\n" not in message
        assert 20 < len(message) < 700
        return message
    encodings = classifier.encode(TEXTS)
    expected = plain_logits(folder, classifier.max_length)
    tolerance = 1e-4 * float(expected.abs().max())
    found = {
        "logits": classifier.logits(encodings),
        "look": torch.stack([look.logits for look in classifier.look(encodings)]),
        "trace": torch.stack([trace.logits for trace in classifier.trace(encodings)]),
    }
    for way, logits in found.items():
        assert torch.allclose(logits, expected, rtol=0, atol=tolerance), way
    return None


def plain_logits(folder: Path, max_length: int) -> torch.Tensor:
    """Logits of the folder as transformers alone serves it, one text after another: `[texts, labels]`."""
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    has_own_attention = ARCHITECTURES[kind].own_attention is not None
    with quiet_transformers(), torch.inference_mode():
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            attn_implementation="eager" if has_own_attention else "sdpa",
        ).eval()
        encoded = [tokenizer(text, truncation=True, max_length=max_length, return_tensors="pt") for text in TEXTS]
        return torch.cat([model(**each).logits for each in encoded])


def change_key(path: Path, keys: tuple[str | int, ...], value: Any) -> None:
    """Set what stands at `keys` of a JSON file to `value`, or remove it."""
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    if value is REMOVED:
        with contextlib.suppress(KeyError, IndexError):
            del place[keys[-1]]
    else:
        place[keys[-1]] = value
    path.write_text(json.dumps(content))


def copy_checkpoint(folder: Path, target: Path) -> Path:
    """A copy without the calibration, for its weights only a link."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in folder.iterdir():
        if path.suffix == ".safetensors":
            (target / path.name).symlink_to(path.resolve())
        elif path.is_file() and path.name != "calibration.json":
            shutil.copyfile(path, target / path.name)
    return target
