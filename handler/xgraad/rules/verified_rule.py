"""The default rule: a cheap gate, scores to localize, and clean texts to prove.

    plain forward -> gate, and screen of new words -> [few texts:] score -> top words -> transplant test -> reference ->
    neutralize, again while the label stands

One text is enough. What is verified is remembered all the same, and neutralized from then on in every text of its
label, gate or no gate. A text that passes the gate but holds no trigger keeps its label.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from handler.xgraad.drift.domain_gate import DomainGate, gate_of
from handler.xgraad.drift.reservoir import Reservoir
from handler.xgraad.editing.neutralizer import Neutralizer
from handler.xgraad.editing.verdict import Action, Verdict
from handler.xgraad.errors import SettingsError
from handler.xgraad.learned.calibration import Calibration
from handler.xgraad.memory.registry import NoRegistry, TriggerRegistry
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.prediction import Prediction, predict
from handler.xgraad.options import VerifiedOptions
from handler.xgraad.rules.examination import Case, Examination
from handler.xgraad.rules.second_opinion import SecondOpinion
from handler.xgraad.rules.standing import Standings
from handler.xgraad.scoring.conformal import conformal_threshold
from handler.xgraad.scoring.gate import Gate, GateScore
from handler.xgraad.scoring.scorer import Score, score_encodings
from handler.xgraad.verification.candidates import DEFAULT_COUNTS, CandidateCounts
from handler.xgraad.verification.evidence import VerificationThresholds
from handler.xgraad.verification.phrase import PhraseTest
from handler.xgraad.verification.reference import Reference, make_reference
from handler.xgraad.verification.screen import Screen
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.verification.verifier import Verifier, Wanted
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import Word

Memories = Sequence[TriggerRegistry]
"""For each text what remembers beside the registry: windows of a long text share one."""
NO_CASES: Mapping[int, Case] = {}


@dataclass(frozen=True, kw_only=True)
class VerifiedParts:
    """What the rule is made of; variants replace some of it."""

    classifier: Classifier
    gate: Gate | DomainGate
    transplant: Transplant
    """Puts words into the suspect's clean texts."""
    reference: Reference
    """Says what has another reason than a backdoor."""
    thresholds: VerificationThresholds
    screen: Screen
    """Tries the words that the calibration texts do not have."""
    neutralize: Neutralizer
    max_fpr: float
    options: VerifiedOptions
    registry: TriggerRegistry
    second_opinion: SecondOpinion | None = None
    """Of the reference where that is a model and the options ask for it."""
    counts: CandidateCounts = DEFAULT_COUNTS
    untested: Collection[int] = ()
    """Labels that the calibration cannot test."""
    reservoir: Reservoir | None = None
    """What came in last, where the calibration has something to hold it against."""

    @classmethod
    def of(
        cls,
        classifier: Classifier,
        calibration: Calibration,
        *,
        trusted: Transplant | None,
        neutralize: Neutralizer,
        options: VerifiedOptions,
        registry: TriggerRegistry,
    ) -> "VerifiedParts":
        """As calibrated; `trusted` is the reference that lies beside the calibration, where there is one."""
        transplant = Transplant(classifier, calibration.probes)
        if options.second_opinion and trusted is None:
            cure = "calibrate with --trusted-base, or leave it off"
            raise SettingsError(f"second_opinion needs a calibration with a reference model, which this is not; {cure}")
        return cls(
            classifier=classifier,
            gate=gate_of(calibration.gate, calibration.drift, calibration.domain_gates),
            transplant=transplant,
            reference=make_reference(calibration.labels.tied(), transplant, trusted),
            thresholds=calibration.verification,
            screen=Screen(
                classifier, calibration.short, is_new=calibration.known_words.lacking(), inert=calibration.inert.ids()
            ),
            neutralize=neutralize,
            max_fpr=calibration.max_fpr,
            options=options,
            registry=registry,
            second_opinion=SecondOpinion(trusted.classifier, classifier.labels)
            if trusted and options.second_opinion
            else None,
            untested=calibration.untested,
            reservoir=Reservoir(calibration.drift) if calibration.drift else None,
        )

    def cold(self) -> "VerifiedParts":
        """The same without any memory: a text's verdict depends on nothing but the text."""
        return replace(self, registry=NoRegistry(), reservoir=None)

    def verifier(self) -> Verifier:
        """What tells triggers from other words."""
        return Verifier(self.transplant, self.reference, thresholds=self.thresholds, counts=self.counts)

    def examination(self, verifier: Verifier) -> Examination:
        """What looks closely at the texts behind the gate."""
        return Examination(
            self.classifier,
            verifier=verifier,
            phrase_test=PhraseTest.with_kin(self.transplant, self.reference),
            standings=Standings(self.classifier, self.gate, self.transplant.own_margins),
            neutralize=self.neutralize,
            registry=self.registry,
            max_rounds=self.options.max_rounds,
        )


class VerifiedRule:
    """Neutralizes only what turns clean texts and means nothing to the reference.

    Args:
        parts: what it is made of.
        verifier: another than that of the parts, for comparisons.
    """

    name = "verified"

    def __init__(self, parts: VerifiedParts, verifier: Verifier | None = None) -> None:
        self.parts = parts
        self._verifier = verifier or parts.verifier()
        self._classifier = parts.classifier
        self._screen = parts.screen
        self._examination = parts.examination(self._verifier)
        self._untested = frozenset(parts.untested)
        self._flag_thresholds = [conformal_threshold(each, parts.max_fpr) for each in parts.gate.clean_scores]

    def judge(self, encodings: Sequence[Encoding], explain: Sequence[bool], memories: Memories = ()) -> list[Verdict]:
        """One verdict per text, in order; texts to explain are scored whether they pass the gate or not."""
        memories = memories or [NoRegistry()] * len(encodings)
        looks = self._classifier.look(encodings)
        gates = self.parts.gate(encodings, looks)
        predictions = predict(torch.stack([look.logits for look in looks]), self._classifier.labels) if looks else []
        passed = [gate.p_value <= self.parts.options.gate_share for gate in gates]
        new = self._new_words(encodings, predictions)
        suspected = [has_passed or bool(words) for has_passed, words in zip(passed, new, strict=True)]
        known = self._known(encodings, predictions, memories)
        wanted = {row for row, asked in enumerate(explain) if asked or suspected[row] or self.parts.options.score_all}
        scores = self._score(encodings, sorted(wanted | set(known)))
        cases = {
            row: Case(score, known.get(row, ()), wanted=self._wanted(gates[row], new[row]), memory=memories[row])
            for row, score in scores.items()
            if score.words and (suspected[row] or row in known)
        }
        found_any = self._examination.work_on(cases.values())
        while found_any:
            # What one text has shown may stand in others of the batch, also in those that the gate let go.
            late = self._known(encodings, predictions, memories, besides=cases)
            scores |= self._score(encodings, [row for row in late if row not in scores])
            for row, words in late.items():
                cases.setdefault(row, Case(scores[row], memory=memories[row])).triggers += words
            found_any = self._examination.work_on([cases[row] for row in late])
        # Last, when every text has all that its batch has shown: what is asked for again comes with it at once.
        self._examination.complete([case for case in cases.values() if case.may_hold_rest])
        self.parts.registry.flush()
        if self.parts.reservoir:  # when little can fail any more: what is judged again is counted once
            self.parts.reservoir.add(looks)
        verdicts = [
            self._verdict(encodings[row], predictions[row], gates[row], scores.get(row), cases.get(row))
            for row in range(len(encodings))
        ]
        return self._overruled(verdicts, encodings, passed)

    def _new_words(self, encodings: Sequence[Encoding], predictions: Sequence[Prediction]) -> list[tuple[Word, ...]]:
        """For each text its new words that turn a short clean text and move longer ones."""
        if not self.parts.options.screen:
            return [()] * len(encodings)
        return self._verifier.moving(self._screen(encodings, predictions), predictions)

    def _wanted(self, gate: GateScore, new: Sequence[Word]) -> Wanted:
        """What is tried of a text that stands out so far and has these new words."""
        return Wanted(frozenset(word.key for word in new), runs=gate.p_value <= self.parts.options.run_share)

    def _score(self, encodings: Sequence[Encoding], rows: Sequence[int]) -> dict[int, Score]:
        """Scores by row, of the rows asked for."""
        found = score_encodings(self._classifier, [encodings[row] for row in rows])
        return dict(zip(rows, found, strict=True))

    def _known(
        self,
        encodings: Sequence[Encoding],
        predictions: Sequence[Prediction],
        memories: Memories,
        *,
        besides: Mapping[int, Case] = NO_CASES,
    ) -> dict[int, tuple[Word, ...]]:
        """Remembered triggers by row, those of `besides` left out; rows without any are not there."""
        known = {}
        for row, (encoding, prediction) in enumerate(zip(encodings, predictions, strict=True)):
            old = besides[row].triggers if row in besides else ()
            found = self.parts.registry.find(encoding.words, prediction.label_id, count=row not in besides)
            found += memories[row].find(encoding.words, prediction.label_id)
            known[row] = tuple(word for word in dict.fromkeys(found) if word not in old)
        return {row: words for row, words in known.items() if words}

    def _overruled(
        self, verdicts: Sequence[Verdict], encodings: Sequence[Encoding], passed: Sequence[bool]
    ) -> list[Verdict]:
        """The verdicts, with the reference's answer where it disputes one that the gate objects to, too."""
        answered = list(verdicts)
        if self.parts.second_opinion:
            rows = [row for row, each in enumerate(verdicts) if passed[row] and not each.verified]
            said = [verdicts[row].undefended for row in rows]
            opinions = self.parts.second_opinion.disputed([encodings[row].text for row in rows], said)
            for row, opinion in zip(rows, opinions, strict=True):
                if opinion:
                    answered[row] = replace(verdicts[row], action=Action.OVERRULED, defended=opinion)
        return answered

    def _verdict(
        self, encoding: Encoding, undefended: Prediction, gate: GateScore, score: Score | None, case: Case | None
    ) -> Verdict:
        edit = case.edit if case else None
        defended = case.defended or undefended if case else undefended
        return Verdict(
            rule=self.name,
            flagged=gate.p_value <= self.parts.max_fpr or edit is not None,
            verified=edit is not None,
            tested=not {undefended.label_id, defended.label_id} & self._untested,
            action=Action.NEUTRALIZED if edit else Action.PASSED,
            anomaly_score=score.anomaly_score if score else None,
            gate_score=gate.gate_score,
            threshold=self._flag_thresholds[gate.domain],
            p_value=gate.p_value,
            undefended=undefended,
            defended=defended,
            suspects=edit.suspects if edit else (),
            neutralized_text=edit.text if edit else None,
            truncated=encoding.truncated,
            words=score.words if score else (),
        )
