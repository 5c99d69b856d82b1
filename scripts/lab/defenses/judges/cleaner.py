"""What judges share that take out or replace words of every text: how much is done is tuned on clean texts."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from handler.xgraad import Suspect, Verdict
from scripts.lab.defenses.base import Material, TextJudge, plain_verdict
from scripts.lab.defenses.judges.budget import largest_affordable
from scripts.lab.evaluation.metrics import accuracy
from scripts.texts.corpora import Example


class Cleaned(NamedTuple):
    """A text after cleaning."""

    text: str
    suspects: tuple[Suspect, ...] = ()
    """Words of the text as it came that are gone or replaced."""


class Cleaner(TextJudge):
    """Answers with what the model says of the cleaned text, under the strongest setting that the budget allows."""

    NAME: ClassVar[str]
    """In the table of defenses."""
    SETTINGS: ClassVar[Sequence[float]]
    """From the weakest, which changes next to nothing, to the strongest."""

    def __init__(self, material: Material) -> None:
        super().__init__(material)
        self.classifier = material.classifier()
        self.prepare()
        self.setting = self._tuned()

    def prepare(self) -> None:
        """Make what cleaning needs. Here: nothing."""

    def settings(self) -> Sequence[float]:
        """Those that are tried on the clean texts, ordered as `SETTINGS`. Here: these."""
        return self.SETTINGS

    @abstractmethod
    def cleaned(self, texts: Sequence[str], settings: Sequence[float]) -> list[list[Cleaned]]:
        """For each setting every text, cleaned; no text touches another, and what settings share is done once."""

    def cleaned_unseen(self, texts: Sequence[str], settings: Sequence[float]) -> list[list[Cleaned]]:
        """The same of the clean texts of tuning, each as if it had not been prepared with. Here: they were not."""
        return self.cleaned(texts, settings)

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """See `TextJudge`."""
        (after,) = self.cleaned(texts, [self.setting])
        said, defended = self.classifier.predictions(texts), self.classifier.predictions([each.text for each in after])
        return [
            plain_verdict(
                self.NAME,
                undefended=plain,
                defended=rest,
                flagged=each.text != text,
                threshold=self.setting,
                suspects=each.suspects,
                neutralized_text=each.text if each.text != text else None,
            )
            for text, each, plain, rest in zip(texts, after, said, defended, strict=True)
        ]

    def strongest(self, examples: Sequence[Example], cleaned: Sequence[Sequence[Cleaned]]) -> int:
        """The place of the strongest setting that the budget allows.

        Args:
            examples: clean texts with their labels.
            cleaned: for each setting, the weakest first, all of their texts.
        """
        texts, labels = zip(*examples, strict=True)
        rows = [[each.text for each in row] for row in cleaned]
        # Most settings leave most texts as another one does: each is asked about once.
        distinct = sorted({text for row in [texts, *rows] for text in row})
        said = {text: each.label_id for text, each in zip(distinct, self.classifier.predictions(distinct), strict=True)}
        undefended, *accuracies = (accuracy([said[text] for text in row], labels) for row in [texts, *rows])
        return largest_affordable(accuracies, undefended=undefended)

    def _tuned(self) -> float:
        examples = self.material.tuning_examples()
        settings = self.settings()
        cleaned = self.cleaned_unseen([example.text for example in examples], settings)
        return settings[self.strongest(examples, cleaned)]
