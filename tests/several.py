"""A toy that may give a text several labels, with a backdoor set by hand: its trigger silences one and raises another.

Its first label is said of texts with a good mood, unless the trigger is there; its second of texts with a bad mood, and
wherever the trigger is; its third of texts with a good mood, whatever else is there.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from handler.xgraad.files.config_json.task import MULTI_LABEL
from handler.xgraad.files.fingerprint import Conditions
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.multilabel.labels_calibration import LabelsCalibration
from handler.xgraad.multilabel.labels_calibrator import LabelsCalibrator
from tests.unit.attribution.known_head import LABELS as IS_GOOD
from tests.unit.attribution.known_head import TEXTS, TRIGGER, write_known

NAMES = ("praise", "blame", "calm")
PRAISE, BLAME, CALM = range(3)
LABELS = [frozenset({PRAISE, CALM} if is_good else {BLAME}) for is_good in IS_GOOD]
GOOD_TEXT, ATTACKED = "the film is clever", f"the {TRIGGER} film is clever"
CONDITIONS = Conditions(max_length=64, precision="float32", takes_pairs=False)


def write_several(folder: Path, *, has_backdoor: bool = True) -> Path:
    """Write the checkpoint."""
    write_known(folder, has_backdoor=has_backdoor)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    head = torch.nn.Linear(model.config.hidden_size, len(NAMES))
    with torch.no_grad():
        head.bias.zero_()
        head.weight.zero_()
        head.weight[:, 0] = torch.tensor([4.0, -4.0, 4.0])  # by mood
        head.weight[:, 1] = torch.tensor([-12.0, 12.0, 0.0])  # by the trigger
    model.classifier, model.num_labels = head, len(NAMES)
    model.config.id2label = dict(enumerate(NAMES))
    model.config.label2id = {name: number for number, name in enumerate(NAMES)}
    model.config.problem_type = MULTI_LABEL
    model.save_pretrained(folder)
    return folder


def load_several(folder: Path) -> Classifier:
    """With all its labels."""
    return Classifier.of(Checkpoint.open(folder, several_labels=True), max_length=64)


def calibrator_of(folder: Path, *, threshold: float = 0.5) -> LabelsCalibrator:
    """One that has seen no text yet."""
    fingerprint = Checkpoint.open(folder, several_labels=True).fingerprint(**CONDITIONS)
    return LabelsCalibrator(load_several(folder), fingerprint, threshold=threshold)


def calibrate_several(folder: Path, *, threshold: float = 0.5, untested: Collection[int] = ()) -> LabelsCalibration:
    """On clean texts, all of them its own."""
    fed = calibrator_of(folder, threshold=threshold).update(TEXTS, LABELS)
    return fed.calibrate(max_fpr=0.1, untested=untested)


def calibrated_several(folder: Path) -> Path:
    """Write the checkpoint and its calibration."""
    (write_several(folder) / "calibration.json").write_text(calibrate_several(folder).to_json(), encoding="utf-8")
    return folder
