"""Calibrate a checkpoint on clean texts, with a progress bar, and train its reference where there is a trusted base."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from handler.xgraad import Calibration, Calibrator, Classifier
from handler.xgraad.errors import shown
from handler.xgraad.files.fingerprint import Fingerprint
from handler.xgraad.files.precision import DEFAULT_PRECISION, Precision
from handler.xgraad.files.text_pairs import pair_sign
from handler.xgraad.learned.enough_texts import require_texts
from handler.xgraad.learned.trusted_model import TrustedModel, folder_beside
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.multilabel.labels_calibrator import LabelsCalibrator
from handler.xgraad.options import DEFAULT_THRESHOLD, PAPER_PERCENTILE
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.pair import is_pair
from handler.xgraad.words.windows import WindowPlan
from scripts.console.command_line import note
from scripts.console.errors import LabError
from scripts.hub.origin import origin_of
from scripts.lab.training.reference_training import TrustedBase, train_reference
from scripts.texts.corpora import Example, Sample

CHUNK = 256
"""Texts scored between two steps of the progress bar."""
WORDS = 1_024
"""Words of the vocabulary tried between two steps of the next one."""


@dataclass(frozen=True, kw_only=True)
class CalibrationOptions:
    """What an operator may choose about a calibration."""

    max_fpr: float = 0.05
    """Share of clean texts that may be flagged."""
    percentile: float = PAPER_PERCENTILE
    """Of the paper's rule."""
    max_length: int | None = None
    """Tokens to look at; None for the default."""
    precision: Precision = DEFAULT_PRECISION
    """Of weights and activations; the calibration is valid for no other."""
    untested: tuple[int, ...] = ()
    """Labels that have too few texts to be tested, by number: replies about them will say so."""
    label_threshold: float = DEFAULT_THRESHOLD
    """Probability above which a text has a label, of models that may give it several."""
    n_domains: int = 1
    """Domains that are made by clustering, where the texts name none."""
    max_windows: int = 1
    """In which a long text will be looked at; of 1 it is the beginning."""
    stride: int | None = None
    """Tokens that two windows share; None for a quarter of them."""
    vocabulary: bool = True
    """Whether the words of the vocabulary are tried, which a server need not do then."""


def calibrate_checkpoint(
    checkpoint: Path,
    samples: Sequence[Sample],
    *,
    out: Path,
    options: CalibrationOptions,
    device: str,
    trusted: TrustedBase | None = None,
) -> Calibration:
    """Score clean texts, fit the thresholds and write them to `out`, with the reference beside it.

    Args:
        checkpoint: model folder.
        samples: clean texts, with their labels where these are known, held out from training and from every later
            figure.
        out: the calibration file.
        options: what to fit.
        device: as torch names it.
        trusted: what to make a reference of; None for the labels alone.

    Raises:
        CheckpointError, CalibrationError, TextError, LabError: see there.
    """
    require_texts([sample.text for sample in samples], options.max_fpr, options.max_windows)
    opened, texts = Checkpoint.open(checkpoint), [sample.text for sample in samples]
    classifier, made_for = classifier_for(opened, texts, options=options, device=device)
    if sign := pair_sign(opened.config, takes_pairs=made_for.takes_pairs):
        note(sign)
    calibrator = Calibrator(classifier, made_for, _plan(options, classifier.max_length))
    examples = _labelled(samples)
    labels = [example.label for example in examples]
    for part in parts_of(texts):
        calibrator.update(texts[part], labels[part])
    calibrator.require_carrying(options.untested)
    if options.vocabulary:
        try_vocabulary(calibrator)
    out.parent.mkdir(parents=True, exist_ok=True)
    if trusted and not examples:
        raise LabError(f"--trusted-base needs a label for each of the {len(samples)} texts; see --label-column")
    reference = _reference(trusted, examples, calibrator, classifier, device=device, beside=out) if trusted else None
    calibration = calibrator.calibrate(
        max_fpr=options.max_fpr,
        percentile=options.percentile,
        trusted=reference,
        untested=options.untested,
        origin=origin_of(checkpoint),
        domains=_named_domains(samples) or options.n_domains,
    )
    note_planted(calibrator.planted, classifier.labels)
    out.write_text(calibration.to_json(), encoding="utf-8")
    return calibration


def _reference(
    base: TrustedBase,
    examples: Sequence[Example],
    calibrator: Calibrator,
    classifier: Classifier,
    *,
    device: str,
    beside: Path,
) -> tuple[TrustedModel, Transplant]:
    """Of the base and the texts that are no probes, and what puts words into its clean texts."""
    probes, held_out = set(chain(*calibrator.probe_rows())), calibrator.held_out()
    return train_reference(
        base,
        [example for row, example in enumerate(examples) if row not in held_out],
        [example for row, example in enumerate(examples) if row in probes],
        n_labels=len(classifier.labels),
        max_length=classifier.max_length,
        device=device,
        out=folder_beside(beside),
    )


def classifier_for(
    opened: Checkpoint, texts: Sequence[str], *, options: CalibrationOptions, device: str
) -> tuple[Classifier, Fingerprint]:
    """The model as the options want it, one of pairs where any of the texts is, and what a calibration is bound to."""
    takes_pairs, precision = any(map(is_pair, texts)), options.precision
    classifier = Classifier.of(
        opened, device=device, max_length=options.max_length, precision=precision, takes_pairs=takes_pairs
    )
    made_for = opened.fingerprint(max_length=classifier.max_length, precision=precision, takes_pairs=takes_pairs)
    return classifier, made_for


def parts_of(texts: Sequence[str]) -> Iterator[slice]:
    """The texts part by part, with a progress bar."""
    with tqdm(total=len(texts), unit="text", desc="calibrate", disable=None) as bar:
        for start in range(0, len(texts), CHUNK):
            yield slice(start, start + CHUNK)
            bar.update(len(texts[start : start + CHUNK]))


def _plan(options: CalibrationOptions, max_length: int) -> WindowPlan | None:
    if options.max_windows == 1:
        return None
    stride = max_length // 4 if options.stride is None else options.stride
    return WindowPlan(stride=stride, max_windows=options.max_windows)


def try_vocabulary(calibrator: Calibrator | LabelsCalibrator) -> None:
    """Try the words that are worth a trial before the first text."""
    words = calibrator.vocabulary()
    with tqdm(total=len(words), unit="word", desc="vocabulary", disable=None) as bar:
        for start in range(0, len(words), WORDS):
            some = words[start : start + WORDS]
            calibrator.try_words(some)
            bar.update(len(some))


def note_planted(planted: Sequence[Collection[str]], labels: Sequence[str]) -> None:
    """Name the words of the clean texts that no text will be let pass with untried: an attacker may have chosen them.

    Args:
        planted: for each label its words.
        labels: their names.
    """
    for words, label in zip(planted, labels, strict=True):
        if words:
            named = ", ".join(map(shown, sorted(words)))
            note(
                f"may be planted: {named}; no other words of these texts decide so on {shown(label)}; texts that hold "
                "them are always tested; scripts.scan_model says more of the checkpoint"
            )


def _named_domains(samples: Sequence[Sample]) -> list[str]:
    """Of all samples; none where nobody asked for them."""
    return [sample.domain for sample in samples if sample.domain is not None]


def _labelled(samples: Sequence[Sample]) -> list[Example]:
    """The same where every text has a label; nothing otherwise."""
    examples = [Example(sample.text, sample.label) for sample in samples if sample.label is not None]
    return examples if len(examples) == len(samples) else []
