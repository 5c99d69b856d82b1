"""Calibrate a model that may give a text several labels, each by itself, with progress bars."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from handler.xgraad.learned.enough_texts import require_texts
from handler.xgraad.learned.trusted_model import TrustedModel, folder_beside
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.multilabel.label_view import N_SIDES, views_of
from handler.xgraad.multilabel.labels_calibration import LabelsCalibration, transplants_of
from handler.xgraad.multilabel.labels_calibrator import LabelsCalibrator
from handler.xgraad.verification.transplant import Transplant
from scripts.console.errors import LabError
from scripts.hub.origin import origin_of
from scripts.lab.training.calibrating import CalibrationOptions, classifier_for, note_planted, parts_of, try_vocabulary
from scripts.lab.training.reference_training import TrustedBase, make_reference_model
from scripts.texts.corpora import LabeledSet


def calibrate_labels(
    checkpoint: Path,
    texts: Sequence[str],
    labels: Sequence[frozenset[int]] | None,
    *,
    out: Path,
    options: CalibrationOptions,
    device: str,
    trusted: TrustedBase | None = None,
) -> LabelsCalibration:
    """As `calibrate_checkpoint`, for each label of the model.

    Args:
        checkpoint: model folder.
        texts: clean.
        labels: of each text; None where they are not known.
        out: the calibration file.
        options: what to fit.
        device: as torch names it.
        trusted: what to make a reference of; None for the labels alone.

    Raises:
        CheckpointError, CalibrationError, TextError, LabError: see there.
    """
    require_texts(texts, options.max_fpr)
    if trusted and labels is None:
        raise LabError(f"--trusted-base needs labels for each of the {len(texts)} texts; see --label-column")
    opened = Checkpoint.open(checkpoint, several_labels=True)
    classifier, made_for = classifier_for(opened, texts, options=options, device=device)
    calibrator = LabelsCalibrator(classifier, made_for, threshold=options.label_threshold)
    for part in parts_of(texts):
        calibrator.update(texts[part], labels[part] if labels else ())
    calibrator.require_carrying(options.untested)
    if options.vocabulary:
        try_vocabulary(calibrator)
    out.parent.mkdir(parents=True, exist_ok=True)
    reference = None
    if trusted and labels is not None:
        examples = [LabeledSet(*row) for row in zip(texts, labels, strict=True)]
        reference = train_label_reference(
            trusted, examples, calibrator, max_length=classifier.max_length, device=device, out=folder_beside(out)
        )
    calibration = calibrator.calibrate(
        max_fpr=options.max_fpr,
        percentile=options.percentile,
        trusted=reference,
        untested=options.untested,
        origin=origin_of(checkpoint),
        bar=lambda numbers: tqdm(numbers, unit="label", desc="examine", disable=None),
    )
    note_planted(calibrator.planted, classifier.labels)
    out.write_text(calibration.to_json(), encoding="utf-8")
    return calibration


def train_label_reference(
    base: TrustedBase,
    examples: Sequence[LabeledSet],
    calibrator: LabelsCalibrator,
    *,
    max_length: int,
    device: str,
    out: Path,
) -> tuple[TrustedModel, tuple[Transplant, ...]]:
    """Fine-tune the base on what are no probes, with all labels, and see what it makes of the probes.

    Returns:
        What it is, and for each label what puts words into the probes that it has right.
    """
    held_out, probes = calibrator.held_out(), calibrator.probe_rows()
    learned = [example for row, example in enumerate(examples) if row not in held_out]
    made = make_reference_model(base, learned, n_labels=len(probes), max_length=max_length, device=device, out=out)
    rows = sorted({*chain.from_iterable(chain.from_iterable(probes))})
    logits = made.classifier.logits(made.classifier.encode([examples[row].text for row in rows]))
    texts: list[list[str]] = []
    n_right = 0
    for label, view in enumerate(views_of(made.classifier)):
        said = dict(zip(rows, view.two_sided(logits).argmax(dim=-1).tolist(), strict=True))
        right = {row for row in rows if said[row] == examples[row].of_label(label).label}
        n_right += len(right)
        texts += [
            [examples[row].text for row in probes[label][side] if row in right and said[row] == side]
            for side in range(N_SIDES)
        ]
    accuracy = n_right / max(1, len(rows) * len(probes))
    record = made.record(base, n_texts=len(learned), accuracy=accuracy, texts=texts)
    return record, transplants_of(made.classifier, record)
