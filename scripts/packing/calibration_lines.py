"""What a calibration fitted, in lines for the terminal."""

from collections.abc import Iterator, Sequence

from handler.xgraad import Calibration
from handler.xgraad.drift.drift_statistics import WINDOW
from handler.xgraad.multilabel.labels_calibration import LabelsCalibration
from scripts.packing.untested import untested_line


def lines_of(calibration: Calibration | LabelsCalibration, classes: Sequence[str] | None) -> Iterator[str]:
    """Rules and bars, the texts that they were learned from, what is not watched or tested, and the reference.

    Args:
        calibration: as written.
        classes: names by number; None where config.json does not tell.
    """
    if isinstance(calibration, LabelsCalibration):
        yield from _of_labels(calibration, classes or ())
    else:
        yield from _of_classes(calibration)
    seen = f" (a window of each, of {plan.max_windows} at most)" if (plan := calibration.windows) else ""
    yield f"{calibration.n_texts} texts{seen}, {calibration.n_truncated} of them truncated"
    yield _drift_line(calibration)
    if line := untested_line(calibration.untested, classes):
        yield line
    yield _reference_line(calibration)


def _of_classes(calibration: Calibration) -> Iterator[str]:
    paper, bars = calibration.paper, calibration.verification
    yield f"rule paper: flagged above {paper.threshold:.3f} (percentile {paper.percentile:g})"
    yield f"rule conformal: at most {calibration.max_fpr:g} of clean texts flagged, whatever their length"
    alone, together = _each(bars.single), _each(bars.together)
    yield f"rule verified: a trigger is stronger in clean texts than {alone} alone, {together} as a set, by label"
    yield f"screen: {len(calibration.inert.ids())} words of the vocabulary turn no short text by themselves"


def _of_labels(calibration: LabelsCalibration, names: Sequence[str]) -> Iterator[str]:
    yield f"a text has a label above {calibration.label_threshold:g}; each label is calibrated by itself"
    for name, fit in zip(names, calibration.labels, strict=True):
        alone, together = _each(fit.verification.single), _each(fit.verification.together)
        strength = f"{alone} alone, {together} as a set (without / with it)"
        yield f"{name}: a trigger is stronger than {strength}; {len(fit.inert.ids())} words are known to do nothing"


def _drift_line(calibration: Calibration | LabelsCalibration) -> str:
    """What windows of live texts will be held against."""
    if (drift := calibration.drift) is None:
        return f"drift: not watched, which takes {WINDOW} texts"
    told = ", ".join(f"{domain.name} ({domain.n_texts} texts)" for domain in drift.domains)
    return f"drift: windows of {drift.window} texts, {drift.false_alarm_rate:g} of them false alarms; domains: {told}"


def _reference_line(calibration: Calibration | LabelsCalibration) -> str:
    if (trusted := calibration.reference) is None:
        return "reference: the labels of these texts; --trusted-base gives a stronger one"
    learned = f"fine-tuned on {trusted.n_texts} of these texts, accuracy {trusted.accuracy:.3f} on the others"
    return f"reference: {trusted.base}, {learned}"


def _each(strengths: Sequence[float]) -> str:
    """The strengths of all labels."""
    return " / ".join(f"{strength:.2f}" for strength in strengths)
