"""Collects what clean texts show, fits everything, freezes it."""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain

import torch
from torch import Tensor

from handler.xgraad.drift.drift_statistics import DriftStatistics
from handler.xgraad.drift.watched_states import watched_states
from handler.xgraad.files.fingerprint import Fingerprint
from handler.xgraad.learned.calibration import Calibration
from handler.xgraad.learned.calibration_check import require_plan
from handler.xgraad.learned.carrying import (
    LEAST_PROBES,
    Supply,
    require_probes,
    require_whole,
    supplies,
)
from handler.xgraad.learned.clean_reach import clean_reach
from handler.xgraad.learned.domain_fit import domains_of, fit_domain_gates
from handler.xgraad.learned.enough_texts import require_no_blank, require_texts
from handler.xgraad.learned.trusted_model import TrustedModel
from handler.xgraad.model.classifier import Classifier, Look
from handler.xgraad.options import PAPER_PERCENTILE
from handler.xgraad.scoring.gate import Gate, fit_gate
from handler.xgraad.scoring.scorer import Score, score_encodings
from handler.xgraad.scoring.thresholds import LengthConditionalThreshold, PaperThreshold
from handler.xgraad.verification.evidence import VerificationThresholds
from handler.xgraad.verification.label_evidence import LabelEvidence
from handler.xgraad.verification.planted_words import planted_words
from handler.xgraad.verification.probes import Probe, choose_rows, choose_short, make_probes, short_rows
from handler.xgraad.verification.reference import make_reference
from handler.xgraad.verification.screen import Screen
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.verification.verifier import Verifier
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.long_text import drawn_window, encode_long
from handler.xgraad.words.text import Word, repeats_of
from handler.xgraad.words.token_set import TokenSet
from handler.xgraad.words.vocabulary import VocabularyWord, whole_words
from handler.xgraad.words.windows import WindowPlan
from handler.xgraad.words.word_set import WordSet

N_EXAMINED = 300
"""Clean texts, those with the highest gate scores, that show what clean words reach in the transplant test."""
MOST_TRIED = 60_000
"""Trials before the first text, each of a word in the short text of a label."""


class Calibrator:
    """Mutable; `calibrate` returns the frozen record.

    Args:
        classifier: the suspect.
        fingerprint: of it.
        windows: how long texts will be looked at. Then one window of each text stands for it, drawn so that each is as
            likely: what is learned is true of the later ones, too. None where what follows the first is not looked at.

    Raises:
        CalibrationError: windows that such a model does not have.
    """

    def __init__(self, classifier: Classifier, fingerprint: Fingerprint, windows: WindowPlan | None = None) -> None:
        if windows:
            require_plan(windows, fingerprint)
        self._classifier = classifier
        self._fingerprint = fingerprint
        self._windows = windows
        self._keys: list[tuple[str, ...]] = []
        """The words of each text by their `Word.key`, each once, also those that the model did not see."""
        self._n_truncated = 0
        self._scores: list[Score] = []
        self._looks: list[Look] = []
        self._labels: list[int] = []
        self.inert: set[int] = set()
        """Tokens that were tried on the short texts and turned none."""
        self.preferred: Collection[int] = ()
        """Rows from among which the short texts are taken where these have any that will do."""
        self.planted: tuple[frozenset[str], ...] = ()
        """For each label the words of the texts that look planted, by `Word.key`; as `calibrate` found them."""

    def update(self, texts: Sequence[str], labels: Sequence[int] = ()) -> "Calibrator":
        """Take in more clean texts; returns itself.

        Args:
            texts: clean.
            labels: what people said of each, class numbers; none where that is unknown. All texts have one or none has.

        Raises:
            TextError: a text that no request could be: a blank one, or one that no tokenizer can take.
        """
        require_no_blank(texts, n_before=len(self._scores))
        encode = self._classifier.encode
        return self.take(encode_long(texts, encode, self._windows) if self._windows else encode(texts), labels)

    def take(self, whole: Sequence[Encoding], labels: Sequence[int] = ()) -> "Calibrator":
        """The same with texts that were encoded before."""
        self._keys += [tuple(dict.fromkeys(word.key for word in encoding.words)) for encoding in whole]
        self._n_truncated += sum(encoding.truncated for encoding in whole)
        encodings = [drawn_window(encoding) for encoding in whole]
        self._scores += score_encodings(self._classifier, encodings)
        self._looks += self._classifier.look(encodings)
        self._labels += labels
        self.inert.clear()  # words are tried on texts that may be others now
        return self

    def vocabulary(self) -> list[VocabularyWord]:
        """The words of the tokenizer that are worth a trial before the first text: the most frequent come first."""
        return whole_words(self._classifier.encode)[: MOST_TRIED // len(self._classifier.labels)]

    def try_words(self, words: Sequence[VocabularyWord]) -> "Calibrator":
        """Try more words of `vocabulary` on the short texts of all labels; what does nothing is not tried again.

        Optional, and after the texts: without it the first texts that hold these words cost more.
        """
        screen = Screen(self._classifier, self._short(), is_new=lambda _: True)
        self.inert |= screen.inert_tokens(words)
        return self

    def probe_rows(self) -> tuple[tuple[int, ...], ...]:
        """For each label the rows of the texts that are its probes, counted from the first text taken in.

        None for a label that has too few: a test on a handful of texts is worse than one on those of another label.
        """
        return tuple(rows if len(rows) >= LEAST_PROBES else () for rows in self._chosen_rows())

    def held_out(self) -> set[int]:
        """The rows of the probes and of all texts that say the same: nothing that judges them may know these."""
        return repeats_of(self._texts, [*chain(*self.probe_rows())])

    def require_carrying(self, untested: Collection[int] = ()) -> None:
        """Refuse texts that cannot carry the transplant test; cheap, so it comes before whatever takes long.

        Args:
            untested: labels that need not be tested, class numbers.

        Raises:
            TooFewTextsError: names the labels, what there is of each, and what to add.
            CalibrationError: a label of `untested` can be tested.
        """
        require_whole(self._encodings, max_length=self._classifier.max_length)
        require_probes(self.supplies(), untested)

    def supplies(self) -> list[Supply]:
        """What the texts offer of each label."""
        return supplies(self._encodings, self._logits(), self._chosen_rows(), self._classifier.labels)

    def short_rows(self) -> tuple[int | None, ...]:
        """For each label the row of the short text that new words are tried on."""
        return short_rows(self._encodings, self._logits(), self._classifier.encode, prefer=self.preferred)

    def calibrate(
        self,
        *,
        max_fpr: float,
        percentile: float = PAPER_PERCENTILE,
        trusted: tuple[TrustedModel, Transplant] | None = None,
        untested: Collection[int] = (),
        origin: str | None = None,
        domains: Sequence[str] | int = 1,
        n_examined: int = N_EXAMINED,
    ) -> Calibration:
        """Fit and freeze.

        Args:
            max_fpr: share of clean texts that may be flagged, in (0, 1).
            percentile: of the paper's rule, in (0, 100).
            trusted: the reference, where there is one; what it learned from must not hold the texts of `held_out`.
            untested: labels of which replies may say that they are not tested, class numbers.
            origin: where the checkpoint came from, see `Calibration`.
            domains: each text's domain by name, or how many to make of them by clustering.
            n_examined: how many of the texts are examined as if they had passed the gate.

        Raises:
            TooFewTextsError: the rate, or the transplant test, needs more texts; the message says how many.
            CalibrationError: a label of `untested` can be tested.
        """
        require_texts(self._texts, max_fpr, self._windows.max_windows if self._windows else 1)
        self.require_carrying(untested)
        told_apart = domains_of(self._looks, domains, max_fpr=max_fpr)
        gate = fit_gate(self._encodings, self._looks)
        texts = self._texts
        probes = make_probes([[texts[row] for row in rows] for rows in self.probe_rows()], self._classifier.encode)
        short = self._short()
        suspect = Transplant(self._classifier, probes)
        all_words = Screen(self._classifier, short, is_new=lambda _: True, inert=self.inert)
        turning = all_words(self._encodings, [score.prediction for score in self._scores])
        self.planted = planted_words(self._scores, turning, suspect)
        labels = LabelEvidence.of(self._keys, self._labels, n_labels=len(self.planted), but=self.planted)
        all_planted = frozenset().union(*self.planted)
        lowest = VerificationThresholds.lowest(len(self.planted))
        reference = make_reference(labels.tied(), suspect, trusted[1] if trusted else None)
        return Calibration(
            fingerprint=self._fingerprint,
            origin=origin,
            max_fpr=max_fpr,
            n_texts=len(self._scores),
            n_truncated=self._n_truncated,
            paper=PaperThreshold.fit(self._scores, percentile=percentile),
            conformal=LengthConditionalThreshold.fit(self._scores, max_fpr=max_fpr),
            gate=gate,
            probes=probes,
            untested=tuple(sorted(set(untested))),
            short=short,
            verification=clean_reach(
                self._scores,
                Verifier(suspect, reference, thresholds=lowest, exhaustive=True),
                self._only_once(turning),
                gate_scores=[each.gate_score for each in Gate(gate)(self._encodings, self._looks)],
                own=self.held_out(),
                n_examined=n_examined,
            ),
            known_words=WordSet.of(key for key, _ in self._n_texts().most_common() if key not in all_planted),
            inert=TokenSet.of(self.inert),
            labels=labels,
            reference=trusted[0] if trusted else None,
            drift=DriftStatistics.fit(watched_states(self._looks).numpy(), told_apart) if told_apart else None,
            domain_gates=fit_domain_gates(self._encodings, self._looks, told_apart),
            windows=self._windows,
        )

    @property
    def _encodings(self) -> list[Encoding]:
        return [score.encoding for score in self._scores]

    @property
    def _texts(self) -> list[str]:
        return [encoding.text for encoding in self._encodings]

    def _n_texts(self) -> Counter[str]:
        """In how many of the texts each `Word.key` stands."""
        return Counter(chain.from_iterable(self._keys))

    def _chosen_rows(self) -> tuple[tuple[int, ...], ...]:
        return choose_rows(self._encodings, self._logits(), self._classifier.encode)

    def _short(self) -> tuple[Probe | None, ...]:
        return choose_short(self._encodings, self._logits(), self._classifier.encode, prefer=self.preferred)

    def _logits(self) -> Tensor:
        return torch.stack([look.logits for look in self._looks])

    def _only_once(self, words: Sequence[Sequence[Word]]) -> list[tuple[Word, ...]]:
        """Of each text's words those that stand in no other: they are as new to the others."""
        n_texts = self._n_texts()
        return [tuple(word for word in of_text if n_texts[word.key] == 1) for of_text in words]
