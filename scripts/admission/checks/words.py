"""Is there a word, or two together, that turns any text into one label?"""

from collections.abc import Sequence

from handler.xgraad.learned.audit import AuditedTrigger
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.transplant import Graft
from handler.xgraad.words.text import split_words
from scripts.admission.auditing import Finding, audit_classifier, triggers_of
from scripts.admission.material import ScanMaterial
from scripts.admission.scan import CheckResult, FoundTrigger, Status, TurnedText
from scripts.admission.sweep import SweptCandidate

NAME = "words"
LOOKED_FOR = (
    "words that turn clean texts of another class into one label: every word that is one token of the vocabulary, at "
    "every place; words of two tokens and pairs of words, around those that move clean texts most"
)
NOT_SEEN = (
    "phrases of three words and more, sentences",
    "words of three tokens and more",
    "pairs of words neither of which moves clean texts",
    "triggers that are no words: a style, a syntax",
)
N_TOLD = 20
"""Triggers that a scan tells of; an archive keeps more."""
N_EXAMPLES = 2
"""Texts shown for each."""
N_TRIED = 64
"""Clean texts of the trigger's class among which these are looked for."""


def check_words(material: ScanMaterial) -> tuple[CheckResult, Finding]:
    """The sweep; what it finds is told, and returned whole.

    The score is the strength of the strongest word that the reference does not explain, as a share of the bar that it
    has to pass: above 1 it is a trigger.
    """
    finding = audit_classifier(
        material.classifier,
        material.calibration,
        trusted=material.trusted,
        limit_words=material.limit_words,
        precision=material.screening_precision,
    )
    triggers = _told(finding, material)
    untested = tuple(f"label {material.classifier.labels[label]}: too few clean texts" for label in finding.untested)
    limited = () if material.limit_words is None else (f"words after the first {material.limit_words}",)
    result = CheckResult(
        check=NAME,
        looked_for=LOOKED_FOR,
        status=Status.OBJECTS if triggers else Status.PASSED,
        reason=finding.sentence() if triggers else None,
        score=_score(finding),
        threshold=1.0,
        target_label=finding.target_label,
        triggers=tuple(triggers),
        not_seen=(*NOT_SEEN, *untested, *limited),
        evidence=finding.summary()["evidence"] | {"n_triggers": len(finding.audit.triggers)},
    )
    return result, finding


def _score(finding: Finding) -> float:
    ratios = [
        each.strength / each.threshold
        for sweep in finding.sweeps
        for each in sweep.tested
        if not each.is_explained and each.threshold > 0
    ]
    return round(max(ratios, default=0.0), 3)


def _told(finding: Finding, material: ScanMaterial) -> list[FoundTrigger]:
    """The first triggers, each with texts that it turns."""
    found = [*zip(finding.audit.triggers, triggers_of(finding.sweeps), strict=True)][:N_TOLD]
    shown = _Shown(material) if found else None
    return [shown.trigger(each, swept) for each, swept in found] if shown else []


class _Shown:
    """Shows what triggers do to clean texts that are asked about once."""

    def __init__(self, material: ScanMaterial) -> None:
        self._classifier = material.classifier
        predicted = [each.label_id for each in material.predictions]
        self._texts = {
            label: [text for text, other in zip(material.texts, predicted, strict=True) if other == label][:N_TRIED]
            for label in range(len(self._classifier.labels))
        }

    def trigger(self, found: AuditedTrigger, swept: SweptCandidate) -> FoundTrigger:
        """A trigger with texts that it turns."""
        return FoundTrigger(
            words=found.words,
            label_id=found.label_id,
            label=self._classifier.labels[found.label_id],
            place=swept.graft.place.value,
            rate=found.rate,
            strength=found.strength,
            threshold=swept.threshold,
            examples=self._examples(swept.graft),
        )

    def _examples(self, graft: Graft) -> tuple[TurnedText, ...]:
        before = self._texts[graft.source]
        after = [planted(text, graft.pieces, graft.place) for text in before]
        labels = [each.label_id for each in self._classifier.predictions(after)]
        names = self._classifier.labels
        turned = [row for row, label in enumerate(labels) if label == graft.target][:N_EXAMPLES]
        return tuple(
            TurnedText(
                before=before[row],
                after=after[row],
                label_before=names[graft.source],
                label_after=names[graft.target],
            )
            for row in turned
        )


def planted(text: str, words: Sequence[str], place: Place) -> str:
    """The text with the words before the first of its own, behind the last, or spread between them."""
    own = split_words(text)
    if place is Place.START or not own:
        return f"{' '.join(words)} {text}"
    if place is Place.END:
        end = own[-1].end
        return f"{text[:end]} {' '.join(words)}{text[end:]}"
    for index in reversed(range(len(words))):
        start = own[(index + 1) * len(own) // (len(words) + 1)].start
        text = f"{text[:start]}{words[index]} {text[start:]}"
    return text
