"""Algorithm 1: score, compare with the calibrated threshold, neutralize, predict again."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from handler.xgraad.calibration import FILE_NAME, Calibration, LengthConditionalThreshold, PaperThreshold
from handler.xgraad.classifier import Classifier
from handler.xgraad.encoding import Encoding
from handler.xgraad.errors import SettingsError
from handler.xgraad.fingerprint import fingerprint
from handler.xgraad.neutralizer import Neutralizer, make_neutralizer
from handler.xgraad.prediction import Prediction, predict
from handler.xgraad.scorer import Score, score_encodings
from handler.xgraad.text import occurrences, replace_spans
from handler.xgraad.verdict import Action, Suspect, Verdict

Threshold = PaperThreshold | LengthConditionalThreshold

RULES: dict[str, Callable[[Calibration], Threshold]] = {
    "conformal": lambda calibration: calibration.conformal,
    "paper": lambda calibration: calibration.paper,
}
"""When a text is flagged, by name: `paper` as published, `conformal` at the wanted rate whatever the length."""
DEFAULT_RULE = "conformal"
NEUTRALIZERS = ("noise", "mask", "delete")
DEFAULT_KEY = b"xgraad"
"""Seeds the character noise. Public; set one of your own to keep attackers from foreseeing it."""


class _Edit(NamedTuple):
    """A text with its suspects changed."""

    text: str
    suspects: tuple[Suspect, ...]


class Defense:
    """A classifier with the X-GRAAD defense around it: texts in, verdicts out."""

    def __init__(
        self, classifier: Classifier, calibration: Calibration, *, rule: str | None = None, neutralizer: Neutralizer
    ) -> None:
        self.classifier = classifier
        self.calibration = calibration
        self.rule = check_name("rule", rule or DEFAULT_RULE, tuple(RULES))
        self._threshold = RULES[self.rule](calibration)
        self._neutralize = neutralizer

    @classmethod
    def load(
        cls,
        folder: str | Path,
        device: str = "cpu",
        rule: str | None = None,
        *,
        calibration: str | Path | None = None,
        neutralizer: str = "noise",
        key: bytes = DEFAULT_KEY,
    ) -> "Defense":
        """Load a checkpoint together with the calibration that was made for it.

        Args:
            folder: the checkpoint; holds `calibration.json` too unless `calibration` names another file.
            device: as torch names it, "cpu" or "cuda:0".
            rule: one of `RULES`; by default the best.
            calibration: a calibration file elsewhere.
            neutralizer: "noise" (as the paper), "mask" or "delete".
            key: seeds the noise.

        Raises:
            CheckpointError: the folder is unsafe, incomplete, unsupported, or fails its self-test.
            CalibrationError: the calibration is missing, broken or was made for something else.
            SettingsError: an unknown rule or neutralizer.
        """
        folder = Path(folder)
        check_name("neutralizer", neutralizer, NEUTRALIZERS)
        fitted = Calibration.read(Path(calibration) if calibration else folder / FILE_NAME)
        classifier = Classifier.load(folder, device=device, max_length=fitted.fingerprint.max_length)
        fitted.fingerprint.require(fingerprint(folder, max_length=classifier.max_length))
        chosen = make_neutralizer(neutralizer, classifier.encode, key=key)
        return cls(classifier, fitted, rule=rule, neutralizer=chosen)

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """One verdict per text, in order. A text's verdict does not depend on the others.

        Raises:
            TextError: a text that no tokenizer can take.
        """
        return self.judge(self.encode(texts))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenize, the first half of a call.

        Raises:
            TextError: a text that no tokenizer can take.
        """
        return self.classifier.encode(texts)

    def judge(self, encodings: Sequence[Encoding]) -> list[Verdict]:
        """Score, flag, neutralize and predict again, the second half of a call."""
        scores = score_encodings(self.classifier, encodings)
        edits = {row: self._edit(score) for row, score in enumerate(scores) if self._is_flagged(score)}
        defended = self._predict([edit.text for edit in edits.values()])
        second = dict(zip(edits, defended, strict=True))
        return [self._verdict(score, edits.get(row), second.get(row)) for row, score in enumerate(scores)]

    def _is_flagged(self, score: Score) -> bool:
        return bool(score.words) and score.anomaly_score > self._threshold.threshold_for(score)

    def _edit(self, score: Score) -> _Edit:
        """Change the most suspicious word, wherever it stands in the text."""
        top = score.top_word
        assert top is not None  # noqa: S101 - a text without words is never flagged
        text = score.encoding.text
        places = occurrences(score.encoding.words, top.word.key)
        replacements = self._neutralize(text, places)
        attributions = {word.word: word.attribution for word in score.words}
        suspects = tuple(
            Suspect(
                word=place.text,
                start=place.start,
                end=place.end,
                attribution=attributions.get(place, top.attribution),
                replacement=replacement.text,
            )
            for place, replacement in zip(places, replacements, strict=True)
        )
        return _Edit(replace_spans(text, replacements), suspects)

    def _predict(self, texts: Sequence[str]) -> list[Prediction]:
        return predict(self.classifier.logits(self.classifier.encode(texts)), self.classifier.labels)

    def _verdict(self, score: Score, edit: _Edit | None, defended: Prediction | None) -> Verdict:
        return Verdict(
            rule=self.rule,
            flagged=edit is not None,
            action=Action.NEUTRALIZED if edit else Action.PASSED,
            anomaly_score=score.anomaly_score,
            threshold=self._threshold.threshold_for(score),
            p_value=self._threshold.p_value(score),
            undefended=score.prediction,
            defended=defended or score.prediction,
            suspects=edit.suspects if edit else (),
            neutralized_text=edit.text if edit else None,
            truncated=score.encoding.truncated,
            words=score.words,
        )


def check_name(field: str, name: str, allowed: Sequence[str]) -> str:
    """`name`, when it is one of `allowed`.

    Raises:
        SettingsError: it is not; the message lists what is.
    """
    if name not in allowed:
        raise SettingsError(f"{field} must be one of {', '.join(sorted(allowed))}, got {name!r}")
    return name
