"""Calibrates each label of a model with several in its view; what is the same for all labels is done once."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain

from handler.xgraad.errors import CalibrationError, TooFewTextsError, shown
from handler.xgraad.files.fingerprint import Fingerprint
from handler.xgraad.learned.calibration import Calibration
from handler.xgraad.learned.calibrator import MOST_TRIED, N_EXAMINED, Calibrator
from handler.xgraad.learned.carrying import LEAST_PROBES, OPTION, require_whole, untestable
from handler.xgraad.learned.enough_texts import require_no_blank
from handler.xgraad.learned.trusted_model import TrustedModel
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.multilabel.label_view import N_SIDES, WITH, views_of
from handler.xgraad.multilabel.labels_calibration import LabelsCalibration
from handler.xgraad.options import DEFAULT_THRESHOLD, PAPER_PERCENTILE
from handler.xgraad.verification.probes import Piece, Place, make_probe
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.vocabulary import VocabularyWord, whole_words

LEAST_EXAMINED = 100
"""Clean texts that show of one label what clean words reach, at the least. Labels share the number that a model of one
label for a text examines, as its classes do: each is examined by itself, and that takes longest."""


class LabelsCalibrator:
    """Mutable; `calibrate` returns the frozen record. See `Calibrator`, of which each label has one."""

    def __init__(
        self, classifier: Classifier, fingerprint: Fingerprint, *, threshold: float = DEFAULT_THRESHOLD
    ) -> None:
        if not 0 < threshold < 1:
            raise CalibrationError(f"label_threshold must be above 0 and below 1, is {threshold}")
        self._classifier = classifier
        self._threshold = threshold
        self._views = views_of(classifier, threshold=threshold)
        self._of_label = tuple(Calibrator(view, fingerprint) for view in self._views)
        self._encodings: list[Encoding] = []

    def update(self, texts: Sequence[str], labels: Sequence[Collection[int]] = ()) -> "LabelsCalibrator":
        """Take in more clean texts; returns itself.

        Args:
            texts: clean.
            labels: what people said of each, the numbers of its labels, maybe none; nothing where that is unknown. All
                texts have an entry or none has.

        Raises:
            TextError: a text that no request could be.
        """
        require_no_blank(texts, n_before=len(self._encodings))
        encodings = self._classifier.encode(texts)
        self._encodings += encodings
        for label, calibrator in enumerate(self._of_label):
            calibrator.take(encodings, [int(label in of_text) for of_text in labels])
        return self

    def require_carrying(self, untested: Collection[int] = ()) -> None:
        """Refuse texts that cannot carry the transplant test of a label, unless it is one of `untested`.

        Raises:
            TooFewTextsError: names the labels, what there is of each, and what to add.
            CalibrationError: a label of `untested` can be tested.
        """
        require_whole(self._encodings, max_length=self._classifier.max_length)
        lacking, names = {}, self._classifier.labels
        for label, calibrator in enumerate(self._of_label):
            supplied = calibrator.supplies()
            if untestable([each.n_probes for each in supplied]):
                lacking[label] = [each.lack() for each in supplied if each.n_probes < LEAST_PROBES]
        for label in sorted(set(untested) - set(lacking)):
            raise CalibrationError(
                f"{OPTION} {shown(names[label])}: texts with it and texts without it have {LEAST_PROBES} probes each, "
                "which are enough; leave the option out"
            )
        if set(lacking) - set(untested):
            ways = " ".join(f"{OPTION} {shown(names[label])}" for label in lacking)
            raise TooFewTextsError(
                f"the transplant test needs {LEAST_PROBES} probes with each label and {LEAST_PROBES} without it, whole "
                f"texts that the model is sure of; {'; '.join(chain(*lacking.values()))}; to do without: {ways}"
            )

    def vocabulary(self) -> list[VocabularyWord]:
        """The words of the tokenizer that are worth a trial before the first text: the most frequent come first."""
        return whole_words(self._classifier.encode)[: MOST_TRIED // max(1, len(self._uses()))]

    def try_words(self, words: Sequence[VocabularyWord]) -> "LabelsCalibrator":
        """Try more words of `vocabulary` on the short texts; one trial tells of all labels that use the text."""
        inert = [{word.token_id for word in words} for _ in self._of_label]
        for row, uses in self._uses().items():
            logits = self._classifier.logits(self._with_each(words, row))
            for label, side in uses:
                found = self._views[label].two_sided(logits).argmax(dim=-1).tolist()
                inert[label] -= {word.token_id for word, other in zip(words, found, strict=True) if other != side}
        for calibrator, tokens in zip(self._of_label, inert, strict=True):
            calibrator.inert |= tokens
        return self

    def held_out(self) -> set[int]:
        """The rows of all probes and of all texts that say the same: nothing that judges them may know these."""
        return {row for calibrator in self._of_label for row in calibrator.held_out()}

    def probe_rows(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """For each label the rows of its probes, without it and with it."""
        return tuple(calibrator.probe_rows() for calibrator in self._of_label)

    @property
    def planted(self) -> tuple[frozenset[str], ...]:
        """For each label the words of the texts that look planted to raise or to silence it, see `Calibrator`."""
        return tuple(frozenset[str]().union(*calibrator.planted) for calibrator in self._of_label)

    def calibrate(
        self,
        *,
        max_fpr: float,
        percentile: float = PAPER_PERCENTILE,
        trusted: tuple[TrustedModel, Sequence[Transplant]] | None = None,
        untested: Collection[int] = (),
        origin: str | None = None,
        bar: Callable[[Sequence[int]], Iterable[int]] = iter,
    ) -> LabelsCalibration:
        """Fit and freeze; for the arguments see `Calibrator.calibrate`.

        Args:
            max_fpr: share of clean texts that may be flagged for one label.
            percentile: of the paper's rule.
            trusted: the reference, and for each label what puts words into its clean texts.
            untested: labels of which replies may say that they are not tested.
            origin: where the checkpoint came from.
            bar: goes through the numbers of the labels, and may tell somebody how far it is.

        Raises:
            TooFewTextsError, CalibrationError: see there, and `require_carrying`.
        """
        self.require_carrying(untested)
        self._uses()
        fitted: list[Calibration] = [
            self._of_label[label].calibrate(
                max_fpr=max_fpr,
                percentile=percentile,
                trusted=(trusted[0], trusted[1][label]) if trusted else None,
                untested=tuple(range(N_SIDES)) if label in untested else (),
                origin=origin,
                n_examined=max(LEAST_EXAMINED, N_EXAMINED // len(self._views)),
            )
            for label in bar(range(len(self._of_label)))
        ]
        reference = trusted[0] if trusted else None
        return LabelsCalibration.of(fitted, label_threshold=self._threshold, reference=reference)

    def _uses(self) -> dict[int, list[tuple[int, int]]]:
        """The rows of the short texts, and for which label and side each is used.

        A text with one label is one without the others, so that few texts do for all.
        """
        for calibrator in self._of_label:
            calibrator.preferred = ()
        own = [calibrator.short_rows()[WITH] for calibrator in self._of_label]
        uses: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for label, calibrator in enumerate(self._of_label):
            calibrator.preferred = {row for row in own if row is not None}
            for side, row in enumerate(calibrator.short_rows()):
                if row is not None:
                    uses[row].append((label, side))
        return uses

    def _with_each(self, words: Sequence[VocabularyWord], row: int) -> list[Encoding]:
        """A short text with each word in its middle."""
        encode = self._classifier.encode
        probe = make_probe(self._encodings[row].text, encode)
        pieces = [Piece((word.token_id,), (word.token_id,)) for word in words]
        return [encode.with_template(probe.with_pieces([piece], Place.INSIDE)) for piece in pieces if probe]
