"""A defense by name, ready to judge: what it repairs is repaired first, and what it judges by is made anew for that."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from handler.xgraad import Verdict
from handler.xgraad.model.prediction import Prediction
from scripts.console.errors import LabError
from scripts.lab.defenses import DEFENSES
from scripts.lab.defenses.base import Material, Memory, TextJudge, plain_verdict
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
    if material.takes_pairs and make_judge is not None and not make_judge.TAKES_PAIRS:
        rule = "judges single texts, and this calibration is of pairs; choose one that judges pairs, such as verified"
        raise LabError(f"--defense {name} {rule}")
    if make_repair is None:
        return make_judge(material) if make_judge else DefenseAnswers(name, material, material.checkpoint)
    folder = material.kept.at(material.work / name / "checkpoint", make_repair(material).write)
    if make_judge is None:
        return Beside(DefenseAnswers(name, material, material.checkpoint), DefenseAnswers(name, material, folder))
    work = material.work / name
    repaired = replace(material, checkpoint=folder, calibration=work / REPAIRED_CALIBRATION, work=work)
    return Beside(DefenseAnswers(name, material, material.checkpoint), make_judge(repaired))


class DefenseAnswers(TextJudge):
    """What a checkpoint says, taken as it is; in the window and precision that models are served in."""

    def __init__(self, name: str, material: Material, checkpoint: Path) -> None:
        super().__init__(material)
        self._name = name
        self._classifier = replace(material, checkpoint=checkpoint).classifier()

    def predictions(self, texts: Sequence[str]) -> list[Prediction]:
        """The plain model's, one per text."""
        return self._classifier.predictions(texts)

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        """See `TextJudge`; nothing is flagged."""
        return [plain_verdict(self._name, undefended=each, defended=each) for each in self.predictions(texts)]


class Beside(TextJudge):
    """The verdicts of a repaired checkpoint's judge beside what the suspect would have said."""

    def __init__(self, suspect: DefenseAnswers, judge: TextJudge) -> None:
        super().__init__(judge.material)
        self._suspect = suspect
        self._judge = judge
        self._seconds = 0.0

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

    def notes(self) -> dict[str, str]:
        """See `TextJudge`."""
        return self._judge.notes()

    def seconds_aside(self) -> float:
        """See `TextJudge`; those of the suspect."""
        return self._seconds + self._judge.seconds_aside()

    def _compared(self, judge: Judge, texts: Sequence[str]) -> list[Verdict]:
        started = time.perf_counter()
        suspected = self._suspect.predictions(texts)
        self._seconds += time.perf_counter() - started
        return [replace(each, undefended=said) for each, said in zip(judge(texts), suspected, strict=True)]
