"""A defense that sees the whole of a long text: its windows are judged at once, and make one verdict."""

from collections.abc import Sequence

from handler.xgraad.defense import Defense
from handler.xgraad.editing.verdict import Verdict
from handler.xgraad.errors import SettingsError
from handler.xgraad.memory.registry import MemoryRegistry, NoRegistry, TriggerRegistry
from handler.xgraad.model.prediction import Prediction, predict
from handler.xgraad.rules.verified_rule import VerifiedRule
from handler.xgraad.rules.whole_text import Edited, WholeText
from handler.xgraad.rules.window_label import WindowLabel
from handler.xgraad.rules.window_verdict import Combiner
from handler.xgraad.scoring.conformal import conformal_threshold
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.long_text import LongText, encode_long, windows_of
from handler.xgraad.words.text import Word


class WindowedDefense(Defense):
    """Judges a text that is longer than the model's window by all its windows. Other texts as the defense does.

    Args:
        defense: judges windows; its calibration was made of windows.
        label: how a text's label is made of theirs.

    Raises:
        SettingsError: the calibration was made of texts as one window cuts them, the rule tests nothing, or the label
            is none of the model's.
    """

    def __init__(self, defense: Defense, label: WindowLabel) -> None:
        label.require(defense.classifier.labels)
        plan, rule = defense.calibration.windows, defense._rule
        if not isinstance(rule, VerifiedRule):
            raise SettingsError(
                f"windows needs the rule verified, got {rule.name}; set rule: verified, or windows: off"
            )
        if plan is None:
            made = "the calibration is of texts as one window cuts them"
            raise SettingsError(f"windows: {label.way}: {made}; calibrate with --windows, or set windows: off")
        (clean_scores, *more) = rule.parts.gate.clean_scores
        if more:
            cure = "calibrate with --windows and without domains, or set windows: off"
            raise SettingsError(f"windows: {label.way}: the calibration has a gate for each domain; {cure}")
        super().__init__(
            defense.classifier,
            defense.calibration,
            rule=rule,
            neutralize=defense.neutralize,
            registry=defense.registry,
            audit=defense.audit,
            repair=defense.repair,
        )
        self.plan = plan
        self.label = label
        self._inner = defense
        self._windows_rule = rule
        parts = rule.parts
        self._combine = Combiner(
            label=label,
            max_fpr=parts.max_fpr,
            threshold=lambda n: conformal_threshold(clean_scores, parts.max_fpr / n),
            untested=frozenset(parts.untested),
        )

    def cold(self) -> "WindowedDefense":
        """The same without memory; within a text, what one window shows is taken out of the others all the same."""
        return WindowedDefense(self._inner.cold(), self.label)

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenize; a text that is longer than the window becomes a `LongText`.

        Raises:
            TextError: a text that no tokenizer can take.
        """
        return encode_long(texts, self.classifier.encode, self.plan)

    def undefended(self, encodings: Sequence[Encoding]) -> list[Prediction]:
        """What the plain model says of each text, of a long one by all its windows."""
        parts = [windows_of(encoding) for encoding in encodings]
        said = iter(predict(self.classifier.logits([each for part in parts for each in part]), self.classifier.labels))
        found = [[next(said) for _ in part] for part in parts]
        return [self.label(each) if len(each) > 1 else each[0] for each in found]

    def judge(self, encodings: Sequence[Encoding], explain: Sequence[bool]) -> list[Verdict]:
        """One verdict per text, in order; the windows of all of them are judged together."""
        memories = [MemoryRegistry() if isinstance(each, LongText) else NoRegistry() for each in encodings]
        windows = [(row, window) for row, each in enumerate(encodings) for window in windows_of(each)]
        found = self._windows_rule.judge(
            [window for _, window in windows],
            [explain[row] for row, _ in windows],
            [memories[row] for row, _ in windows],
        )
        verdicts: list[list[Verdict]] = [[] for _ in encodings]
        for (row, _), verdict in zip(windows, found, strict=True):
            verdicts[row].append(verdict)
        edits = {
            row: self._edited(WholeText(text=each, verdicts=tuple(verdicts[row])), memories[row])
            for row, each in enumerate(encodings)
            if isinstance(each, LongText)
        }
        combined = dict(zip(edits, self._combined(list(edits.values())), strict=True))
        return [combined.get(row) or each[0] for row, each in enumerate(verdicts)]

    def _edited(self, whole: WholeText, memory: TriggerRegistry) -> Edited:
        """The text without what was verified in it, and what is known of the labels for which something was."""

        def find(words: Sequence[Word], label: int) -> tuple[Word, ...]:
            return (*self.registry.find(words, label, count=False), *memory.find(words, label))

        return whole.without(whole.places(find) if whole.acted else (), self.neutralize)

    def _combined(self, edits: Sequence[Edited]) -> list[Verdict]:
        """One verdict per text; edited windows of which nothing is known are predicted at once."""
        known = [edit.known() for edit in edits]
        asked = [
            text
            for edit, said in zip(edits, known, strict=True)
            for text, each in zip(edit.windows, said, strict=True)
            if each is None
        ]
        answers = iter(self.classifier.predictions(asked))
        return [
            self._combine(edit, [each or next(answers) for each in said])
            for edit, said in zip(edits, known, strict=True)
        ]


def in_windows(defense: Defense, way: str, named: str | None = None) -> Defense:
    """The defense as it is with `off`, else one of whole texts.

    Args:
        defense: judges what fits into the window.
        way: "off" or one of `WINDOW_LABELS`.
        named: the label of "any".

    Raises:
        SettingsError: see `WindowedDefense`; or the calibration was made for windows, and they are off.
    """
    if way != "off":
        return WindowedDefense(defense, WindowLabel(way, named))
    if named is not None:
        raise SettingsError("windows_label is for windows: any, and windows is off; leave it out, or set windows: any")
    if defense.calibration.windows:
        cure = "set windows: mean, max or any, or calibrate without --windows"
        raise SettingsError(f"windows is off, and the calibration was made with --windows; {cure}")
    return defense
