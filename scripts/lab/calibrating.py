"""Calibrate a checkpoint on clean texts, with a progress bar."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from handler.xgraad import Calibration, Calibrator, Classifier, fingerprint
from handler.xgraad.precision import DEFAULT_PRECISION, Precision

CHUNK = 256
"""Texts scored between two steps of the progress bar."""


def calibrate_checkpoint(
    checkpoint: Path,
    texts: Sequence[str],
    *,
    max_fpr: float,
    percentile: float,
    max_length: int | None,
    device: str,
    precision: Precision = DEFAULT_PRECISION,
) -> Calibration:
    """Score clean `texts` and fit the thresholds.

    Args:
        checkpoint: model folder.
        texts: clean, held out from training and from every later figure.
        max_fpr: share of clean texts that may be flagged.
        percentile: of the paper's rule.
        max_length: tokens to look at; None for the default.
        device: as torch names it.
        precision: of weights and activations; the calibration is valid for no other.

    Raises:
        CheckpointError, CalibrationError, TextError: see there.
    """
    classifier = Classifier.load(checkpoint, device=device, max_length=max_length, precision=precision)
    calibrator = Calibrator(classifier, fingerprint(checkpoint, max_length=classifier.max_length, precision=precision))
    with tqdm(total=len(texts), unit="text", desc="calibrate", disable=None) as bar:
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            calibrator.update(chunk)
            bar.update(len(chunk))
    return calibrator.calibrate(max_fpr=max_fpr, percentile=percentile)
