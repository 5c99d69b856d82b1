"""Judges that are tuned refuse to be on too few texts, whatever they are."""

import inspect
from pathlib import Path

import pytest

from handler.xgraad import Classifier
from scripts.console.errors import LabError
from scripts.lab.defenses import DEFENSES
from scripts.lab.defenses.base import LEAST_TUNED, TextJudge
from scripts.lab.defenses.judges.cleaner import Cleaner
from scripts.lab.defenses.judges.detector import Detector
from scripts.texts.corpora import Example
from tests.unit.defenses.materials import material_of


def tuned_judges() -> list[type[TextJudge]]:
    """Every class of the table that a budget bounds."""
    judges = (combination.judge_class() for combination in DEFENSES.values())
    return [judge for judge in judges if judge and issubclass(judge, Cleaner | Detector)]


@pytest.mark.parametrize("judge", tuned_judges())
@pytest.mark.parametrize("n_texts", [1, LEAST_TUNED - 1])
def test_too_few_texts_are_refused(
    judge: type[TextJudge], n_texts: int, bert: Classifier, bert_folder: Path, tmp_path: Path
) -> None:
    assert not inspect.isabstract(judge)
    few = [Example(f"a clever film of {number}", number % 2) for number in range(n_texts)]
    with pytest.raises(LabError, match=rf"at least {LEAST_TUNED} clean texts .*, holds {n_texts}; add some"):
        judge(material_of(bert, bert_folder, tmp_path, few))
