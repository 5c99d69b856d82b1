"""A model that may give a text several labels, with the defense around each: texts in, a verdict on all labels out."""

from collections.abc import Sequence
from pathlib import Path

from handler.xgraad.defense import Defense
from handler.xgraad.drift.reservoir import Reservoir
from handler.xgraad.editing.neutralizer import Neutralizer, make_neutralizer
from handler.xgraad.errors import AuditError
from handler.xgraad.files.fingerprint import CALIBRATION_FILE
from handler.xgraad.learned.audit import AUDIT_FILE, Audit
from handler.xgraad.learned.repair_record import RepairRecord
from handler.xgraad.memory.registry import MemoryRegistry, NoRegistry, TriggerRegistry
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.prediction import predict
from handler.xgraad.multilabel.label_registry import LabelRegistry
from handler.xgraad.multilabel.label_view import LabelView, views_of
from handler.xgraad.multilabel.labels_calibration import LabelsCalibration
from handler.xgraad.multilabel.labels_verdict import LabelsPrediction, LabelsVerdict
from handler.xgraad.options import DEFAULT_KEY, DEFAULT_OPTIONS, DEFAULT_RULE, VerifiedOptions, chosen_names
from handler.xgraad.words.encoding import Encoding


class LabelsDefense:
    """Judges each label of a text by itself; the plain pass is shared. Beside `Defense`, with the same surface."""

    def __init__(
        self,
        classifier: Classifier,
        calibration: LabelsCalibration,
        of_labels: Sequence[Defense],
        *,
        views: Sequence[LabelView],
        neutralize: Neutralizer,
        registry: TriggerRegistry,
        repair: RepairRecord | None = None,
    ) -> None:
        self.classifier = classifier
        self.calibration = calibration
        self.of_labels = tuple(of_labels)
        """The defense of each label's view."""
        self.neutralize = neutralize
        self.registry = registry
        self.repair = repair
        self.audit: Audit | None = None
        self._views = tuple(views)

    @property
    def rule(self) -> str:
        """The rule's name, one of `RULES`."""
        return self.of_labels[0].rule

    @property
    def takes_pairs(self) -> bool:
        """Whether it judges pairs of texts, and no single ones."""
        return self.classifier.encode.takes_pairs

    @property
    def tests(self) -> bool:
        """Whether the rule tries suspects on the calibration's probes."""
        return self.of_labels[0].tests

    @property
    def reservoir(self) -> Reservoir | None:
        """What came in last, see `Defense`; it is one label's, which is judged last."""
        return self.of_labels[-1].reservoir

    @classmethod
    def load(
        cls,
        folder: str | Path,
        device: str = "cpu",
        rule: str | None = None,
        *,
        calibration: str | Path | LabelsCalibration | None = None,
        neutralizer: str | None = None,
        key: bytes = DEFAULT_KEY,
        options: VerifiedOptions = DEFAULT_OPTIONS,
        registry: TriggerRegistry | None = None,
    ) -> "LabelsDefense":
        """Load a checkpoint together with the calibration that was made for it; for all arguments see `Defense.load`.

        Raises:
            CheckpointError, CalibrationError, RepairRecordError, SettingsError: see there.
            AuditError: there is an audit, which such models have none of.
        """
        folder = Path(folder)
        rule, neutralizer = chosen_names(rule, neutralizer)
        path = Path(calibration) if isinstance(calibration, str | Path) else folder / CALIBRATION_FILE
        fitted = calibration if isinstance(calibration, LabelsCalibration) else LabelsCalibration.read(path)
        classifier = fitted.load_classifier(folder, device=device)
        if Audit.read(folder):
            raise AuditError(f"{AUDIT_FILE}: a model with several labels for a text has none; remove it")
        if repair := RepairRecord.read(folder):
            repair.require(fitted.fingerprint.weights)
        neutralize = make_neutralizer(neutralizer, classifier.encode, key=key)
        registry = MemoryRegistry() if registry is None else registry  # an empty one is false
        trusted = fitted.load_trusted(path, device=device) if rule == DEFAULT_RULE else None
        views = views_of(classifier, threshold=fitted.label_threshold)
        of_labels = [
            Defense.of(
                view,
                fitted.of_label(view.label),
                rule=rule,
                trusted=trusted[view.label] if trusted else None,
                neutralize=neutralize,
                options=options,
                registry=LabelRegistry(registry, view.label),
            )
            for view in views
        ]
        return cls(classifier, fitted, of_labels, views=views, neutralize=neutralize, registry=registry, repair=repair)

    def cold(self) -> "LabelsDefense":
        """The same without memory, see `Defense.cold`."""
        return LabelsDefense(
            self.classifier,
            self.calibration,
            [each.cold() for each in self.of_labels],
            views=self._views,
            neutralize=self.neutralize,
            registry=NoRegistry() if self.tests else self.registry,
        )

    def __call__(self, texts: Sequence[str], *, explain: bool = False) -> list[LabelsVerdict]:
        """One verdict per text, in order; see `Defense`."""
        return self.judge(self.encode(texts), [explain] * len(texts))

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokenize, the first half of a call.

        Raises:
            TextError: a text that no tokenizer can take.
        """
        return self.classifier.encode(texts)

    def undefended(self, encodings: Sequence[Encoding]) -> list[LabelsPrediction]:
        """What the plain model says of each text."""
        logits = self.classifier.logits(encodings)
        of_labels = [predict(view.two_sided(logits), view.labels) for view in self._views]
        threshold = self.calibration.label_threshold
        return [
            LabelsPrediction.of(row, self.classifier.labels, threshold=threshold)
            for row in zip(*of_labels, strict=True)
        ]

    def judge(self, encodings: Sequence[Encoding], explain: Sequence[bool]) -> list[LabelsVerdict]:
        """Judge every label of every text, the second half of a call.

        Args:
            encodings: of the texts.
            explain: per text whether words are scored for an explanation, for its likeliest label.
        """
        likely = self._likeliest(encodings) if any(explain) else [None] * len(encodings)
        wanted = [label if asked else None for label, asked in zip(likely, explain, strict=True)]
        found = [
            defense.judge(encodings, [label == each for each in wanted]) for label, defense in enumerate(self.of_labels)
        ]
        names, threshold = self.classifier.labels, self.calibration.label_threshold
        return [LabelsVerdict(names=names, threshold=threshold, decisions=row) for row in zip(*found, strict=True)]

    def _likeliest(self, encodings: Sequence[Encoding]) -> list[int | None]:
        """For each text the label that the plain model is surest of, in the pass that judging takes anyway."""
        looks = [view.look(encodings) for view in self._views]
        distances = [[float(look.logits.diff()) for look in row] for row in zip(*looks, strict=True)]
        return [max(range(len(row)), key=row.__getitem__) for row in distances]


AnyDefense = Defense | LabelsDefense
"""What is served: of one label for a text, or of several."""
