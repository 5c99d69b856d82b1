"""A defense by name, ready to judge: what it repairs is repaired first, and what it judges by is made anew for that."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from handler.xgraad import Verdict
from handler.xgraad.model.prediction import Prediction, predict
from scripts.lab.defenses import DEFENSES
from scripts.lab.defenses.base import Material, Memory, Repair, TextJudge, plain_verdict
from scripts.lab.evaluation.evaluation import Judge

REPAIRED_CALIBRATION = "calibration.json"


def defended(name: str, material: Material) -> TextJudge:
    """The defense of a name in `DEFENSES` around the checkpoint of the material.

    Verdicts compare with the suspect checkpoint, so that a repair is measured as a judge is.

    Raises:
        XGraadError, LabError: a part cannot be made of this material.
    """
    parts = DEFENSES[name]
    make_repair, make_judge = parts.repair_class(), parts.judge_class()
    if make_repair is None:
        return make_judge(material) if make_judge else DefenseAnswers(name, material, material.checkpoint)
    folder = material.work / name / "checkpoint"
    _repair_once(make_repair(material), folder)
    if make_judge is None:
        return Beside(DefenseAnswers(name, material, material.checkpoint), DefenseAnswers(name, material, folder))
    work = material.work / name
    repaired = replace(material, checkpoint=folder, calibration=work / REPAIRED_CALIBRATION, work=work)
    return Beside(DefenseAnswers(name, material, material.checkpoint), make_judge(repaired))


def _repair_once(repair: Repair, folder: Path) -> None:
    """Repair into a folder beside, which gets its name when it is whole."""
    if folder.is_dir():
        return
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    repair.write(unfinished)
    unfinished.rename(folder)


class DefenseAnswers(TextJudge):
    """What a checkpoint says, taken as it is; in the window and precision that models are served in."""

    def __init__(self, name: str, material: Material, checkpoint: Path) -> None:
        super().__init__(material)
        self._name = name
        self._classifier = replace(material, checkpoint=checkpoint).classifier()

    def predictions(self, texts: Sequence[str]) -> list[Prediction]:
        """The plain model's, one per text."""
        logits = self._classifier.logits(self._classifier.encode(texts))
        return predict(logits, self._classifier.labels)

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """See `TextJudge`; nothing is flagged."""
        return [plain_verdict(self._name, undefended=each, defended=each) for each in self.predictions(texts)]


class Beside(TextJudge):
    """The verdicts of a repaired checkpoint's judge beside what the suspect would have said."""

    def __init__(self, suspect: DefenseAnswers, judge: TextJudge) -> None:
        super().__init__(judge.material)
        self._suspect = suspect
        self._judge = judge

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """See `TextJudge`."""
        return self._compared(self._judge, texts)

    def cold(self) -> Judge:
        """See `TextJudge`."""
        judge = self._judge.cold()
        return lambda texts: self._compared(judge, texts)

    def memory(self) -> Memory:
        """See `TextJudge`."""
        return self._judge.memory()

    def _compared(self, judge: Judge, texts: Sequence[str]) -> list[Verdict]:
        suspected = self._suspect.predictions(texts)
        return [replace(each, undefended=said) for each, said in zip(judge(texts), suspected, strict=True)]
