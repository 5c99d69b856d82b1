"""A classifier with the X-GRAAD defense around it: texts in, verdicts out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from handler.xgraad.drift.reservoir import Reservoir
from handler.xgraad.editing.neutralizer import Neutralizer, make_neutralizer
from handler.xgraad.editing.verdict import Verdict
from handler.xgraad.files.fingerprint import CALIBRATION_FILE
from handler.xgraad.learned.audit import Audit
from handler.xgraad.learned.calibration import Calibration
from handler.xgraad.learned.repair_record import RepairRecord
from handler.xgraad.memory.forgetting import forget_explained
from handler.xgraad.memory.registry import MemoryRegistry, Origin, TriggerRegistry
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.prediction import Prediction, predict
from handler.xgraad.options import DEFAULT_KEY, DEFAULT_OPTIONS, VerifiedOptions, chosen_names
from handler.xgraad.rules.threshold_rule import ThresholdRule
from handler.xgraad.rules.verified_rule import VerifiedParts, VerifiedRule
from handler.xgraad.verification.reference import Reference
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.encoding import Encoding


class Rule(Protocol):
    """Decides about texts."""

    name: str

    def judge(self, encodings: Sequence[Encoding], explain: Sequence[bool], /) -> list[Verdict]:
        """One verdict per text, in order; where `explain` is set, with word scores."""
        ...


class Defense:
    """Judges texts by one rule."""

    def __init__(
        self,
        classifier: Classifier,
        calibration: Calibration,
        *,
        rule: Rule,
        neutralize: Neutralizer,
        registry: TriggerRegistry,
        audit: Audit | None = None,
        repair: RepairRecord | None = None,
    ) -> None:
        self.classifier = classifier
        self.calibration = calibration
        self.neutralize = neutralize
        self.registry = registry
        self.audit = audit
        self.repair = repair
        self._rule = rule

    @property
    def rule(self) -> str:
        """The rule's name, one of `RULES`."""
        return self._rule.name

    @property
    def takes_pairs(self) -> bool:
        """Whether it judges pairs of texts, and no single ones."""
        return self.classifier.encode.takes_pairs

    @property
    def tests(self) -> bool:
        """Whether the rule tries suspects on the calibration's probes."""
        return isinstance(self._rule, VerifiedRule)

    @property
    def reference(self) -> Reference | None:
        """What says whether a word means something; None under rules that do not ask."""
        return self._rule.parts.reference if isinstance(self._rule, VerifiedRule) else None

    @property
    def reservoir(self) -> Reservoir | None:
        """What came in last, where the calibration has drift statistics and the rule looks at states."""
        return self._rule.parts.reservoir if isinstance(self._rule, VerifiedRule) else None

    @classmethod
    def load(
        cls,
        folder: str | Path,
        device: str = "cpu",
        rule: str | None = None,
        *,
        calibration: str | Path | Calibration | None = None,
        neutralizer: str | None = None,
        key: bytes = DEFAULT_KEY,
        options: VerifiedOptions = DEFAULT_OPTIONS,
        registry: TriggerRegistry | None = None,
    ) -> "Defense":
        """Load a checkpoint together with the calibration that was made for it, in the precision it was made with.

        Triggers that an `audit.json` in the folder names are remembered from the start. What is remembered and has
        another reason than a backdoor, as the calibration's labels or its reference say, is forgotten.

        Args:
            folder: the checkpoint; holds `calibration.json` too unless `calibration` is another.
            device: as torch names it, "cpu" or "cuda:0".
            rule: one of `RULES`; by default the best.
            calibration: a calibration file elsewhere, or what was read of the one in the folder.
            neutralizer: "noise", "mask" or "delete"; by default noise for the rule `paper`, delete for the others.
            key: seeds the noise.
            options: of the rule `verified`.
            registry: remembers the triggers that the rule `verified` finds; by default one of this defense's own that
                ends with it. With a `NoRegistry` a text's verdict depends on nothing but the text.

        Raises:
            CheckpointError: the folder is unsafe, incomplete, unsupported, or fails its self-test.
            CalibrationError: the calibration, or the reference it names, is missing, broken or was made for something
                else.
            AuditError, RepairRecordError: the audit, or the record of a repair, is broken or was made for something
                else.
            SettingsError: an unknown rule or neutralizer.
        """
        folder = Path(folder)
        rule, neutralizer = chosen_names(rule, neutralizer)
        path = Path(calibration) if isinstance(calibration, str | Path) else folder / CALIBRATION_FILE
        fitted = calibration if isinstance(calibration, Calibration) else Calibration.read(path)
        classifier = fitted.load_classifier(folder, device=device)
        audit, repair = Audit.read(folder), RepairRecord.read(folder)
        neutralize = make_neutralizer(neutralizer, classifier.encode, key=key)
        registry = MemoryRegistry() if registry is None else registry  # an empty one is false
        if repair:
            repair.require(fitted.fingerprint.weights)
        if audit:
            audit.require(fitted.fingerprint)
            registry.add(audit.for_registry(), Origin.AUDIT)
        trusted = fitted.load_trusted(path, device=device) if rule == VerifiedRule.name else None
        defense = cls.of(
            classifier,
            fitted,
            rule=rule,
            trusted=trusted,
            neutralize=neutralize,
            options=options,
            registry=registry,
        )
        defense.audit, defense.repair = audit, repair
        return defense

    @classmethod
    def of(
        cls,
        classifier: Classifier,
        fitted: Calibration,
        *,
        rule: str,
        trusted: Transplant | None,
        neutralize: Neutralizer,
        options: VerifiedOptions,
        registry: TriggerRegistry,
    ) -> "Defense":
        """The defense of a model that is loaded; for the arguments see `load`."""
        chosen: Rule
        if rule == VerifiedRule.name:
            parts = VerifiedParts.of(
                classifier, fitted, trusted=trusted, neutralize=neutralize, options=options, registry=registry
            )
            forget_explained(registry, parts.reference, n_labels=len(classifier.labels))
            chosen = VerifiedRule(parts)
        else:
            threshold = fitted.paper if rule == "paper" else fitted.conformal
            chosen = ThresholdRule(rule, classifier, threshold, neutralize)
        return cls(classifier, fitted, rule=chosen, neutralize=neutralize, registry=registry)

    def cold(self) -> "Defense":
        """The same without memory: what the first text of an attacker meets. Rules that never have any are the same."""
        if not isinstance(self._rule, VerifiedRule):
            return self
        parts = self._rule.parts.cold()
        return Defense(
            self.classifier,
            self.calibration,
            rule=VerifiedRule(parts),
            neutralize=self.neutralize,
            registry=parts.registry,
        )

    def __call__(self, texts: Sequence[str], *, explain: bool = False) -> list[Verdict]:
        """One verdict per text, in order. Scores never depend on the other texts; see `registry` for what may.

        Args:
            texts: what to judge.
            explain: score every word, also of texts that the rule sees no need to score.

        Raises:
            TextError: a text that no tokenizer can take.
        """
        return self.judge(self.encode(texts), [explain] * len(texts))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenize, the first half of a call.

        Raises:
            TextError: a text that no tokenizer can take.
        """
        return self.classifier.encode(texts)

    def undefended(self, encodings: Sequence[Encoding]) -> list[Prediction]:
        """What the plain model says of each text, in order."""
        return predict(self.classifier.logits(encodings), self.classifier.labels)

    def judge(self, encodings: Sequence[Encoding], explain: Sequence[bool]) -> list[Verdict]:
        """Score, flag, neutralize and predict again, the second half of a call; `explain` is per text."""
        return self._rule.judge(encodings, explain)
