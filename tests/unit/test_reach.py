"""The table of what is served: every architecture judges single texts and pairs, and the table says no more."""

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from handler.xgraad import Calibrator, Classifier, Defense
from handler.xgraad.files.architectures import ARCHITECTURES
from handler.xgraad.files.fingerprint import Conditions, fingerprint
from handler.xgraad.words.pair import join_pair, segments
from tests.conftest import CLEAN_TEXTS
from tests.readme_files import TEXTS
from tests.toys import SENTENCES, make_checkpoint

TASKS = ("single texts", "pairs")
ROW = re.compile(r"^\| `([\w-]+)`.*?\| (\w+) \| (\w+) \| \w+ \|$", flags=re.MULTILINE)
TABLE = ROW.findall(TEXTS["handler/README.md"].split("### Which checkpoints")[1])
PAIRS = [join_pair(first, second) for first, second in product(SENTENCES, CLEAN_TEXTS[:24])]


def test_the_table_has_every_architecture() -> None:
    assert [name for name, *_ in TABLE] == sorted(ARCHITECTURES)
    assert {cell for _, *cells in TABLE for cell in cells} == {"yes"}


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("reach") / request.param, request.param, n_positions=130)


@pytest.mark.parametrize("task", TASKS)
def test_it_is_calibrated_and_judges_as_the_plain_model_does(folder: Path, task: str) -> None:
    texts: Sequence[str] = PAIRS if task == "pairs" else CLEAN_TEXTS
    conditions = Conditions(max_length=128, precision="float32", takes_pairs=task == "pairs")
    classifier = Classifier.load(folder, **conditions)
    calibration = Calibrator(classifier, fingerprint(folder, **conditions)).update(texts).calibrate(max_fpr=0.1)
    (folder / "calibration.json").write_text(calibration.to_json(), encoding="utf-8")
    found = [verdict.undefended.label_id for verdict in Defense.load(folder)(texts[:6])]
    tokenizer = classifier.encode.tokenizer
    encoded = tokenizer(*segments(texts[:6]), truncation=True, max_length=128, padding=True, return_tensors="pt")
    with torch.inference_mode():
        plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()(**encoded).logits
    assert found == plain.argmax(dim=-1).tolist()
