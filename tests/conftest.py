"""Fixtures shared by all tests: tiny checkpoints, made once per session."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from handler.xgraad import Calibration, Calibrator, Classifier, Defense, fingerprint
from handler.xgraad.files.fingerprint import Conditions
from handler.xgraad.words.pair import join_pair
from handler.xgraad.words.windows import WindowPlan
from scripts.results.provenance import provenance
from scripts.results.rows import append_row
from tests.live.on_ray import asks_for_ray
from tests.samples import copy_of
from tests.several import calibrated_several
from tests.toys import ARCHITECTURES, SENTENCES, make_checkpoint

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of commands and servers that tests start: other tests run beside them
settings.register_profile(
    "project",
    deadline=None,
    derandomize="CI" in os.environ,  # what lands is judged by the same examples every time; at home new ones are tried
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("project")

CLEAN_TEXTS = [f"{first} {second}" for first in SENTENCES for second in SENTENCES]
CLEAN_PAIRS = [join_pair(first, second) for first, second in pairwise(CLEAN_TEXTS)]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", type=Path, help="folder of JSON lines to append what long tests measure")


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of `--figures` before minutes of measuring, not after."""
    if folder := config.getoption("--figures"):
        folder.mkdir(parents=True, exist_ok=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one file share a process, so that what they share is made once; those that start Ray share another."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return "Ray" if asks_for_ray(config.rootpath / file) else file

    return ByFile(config, log)


@pytest.fixture
def record_fuzz(pytestconfig: pytest.Config) -> Callable[[str, Mapping[int, int]], None]:
    """Appends a row to `fuzz.jsonl` in the folder of `--figures`: how many generated requests got which status."""
    folder, start = pytestconfig.getoption("--figures"), time.monotonic()

    def write(name: str, n_by_status: Mapping[int, int]) -> None:
        counted = {str(status): n for status, n in sorted(n_by_status.items())}
        row = {"fuzz": name, "n_by_status": counted, "seconds": time.monotonic() - start, **provenance()}
        if folder is not None:
            append_row(folder / "fuzz.jsonl", row)

    return write


@pytest.fixture(scope="session", autouse=True)
def quiet_transformers() -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()


@pytest.fixture(scope="session", autouse=True)
def state_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where workers remember triggers: not in the home of whoever runs the tests. Servers inherit it."""
    home = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(home))
        yield home


@pytest.fixture(scope="session", autouse=True)
def few_threads() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A calibrated checkpoint of each architecture; read only."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return {name: calibrated(make_checkpoint(folder / name, name)) for name in ARCHITECTURES}


@pytest.fixture(scope="session")
def classifiers(checkpoints: dict[str, Path]) -> dict[str, Classifier]:
    return {name: Classifier.load(folder, max_length=64) for name, folder in checkpoints.items()}


@pytest.fixture(params=ARCHITECTURES)
def architecture(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def classifier(classifiers: dict[str, Classifier], architecture: str) -> Classifier:
    return classifiers[architecture]


@pytest.fixture(scope="session")
def bert(classifiers: dict[str, Classifier]) -> Classifier:
    return classifiers["bert"]


@pytest.fixture(scope="session")
def bert_folder(checkpoints: dict[str, Path]) -> Path:
    return checkpoints["bert"]


@pytest.fixture(scope="session")
def several_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated toy that may give a text several labels, with a backdoor; read only."""
    return calibrated_several(tmp_path_factory.mktemp("several") / "toy")


@pytest.fixture(scope="session")
def windowed_folder(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The BERT toy, calibrated for windows of 32 tokens; nearly all clean texts are longer. Read only."""
    folder = copy_of(bert_folder, tmp_path_factory.mktemp("windowed") / "toy")
    classifier = Classifier.load(folder, max_length=32)
    plan = WindowPlan(stride=8, max_windows=4)
    calibrator = Calibrator(classifier, fingerprint(folder, max_length=32), plan).update(CLEAN_TEXTS)
    (folder / "calibration.json").write_text(calibrator.calibrate(max_fpr=0.1).to_json())
    return folder


@pytest.fixture
def load_bert(bert_folder: Path) -> Callable[..., Defense]:
    return lambda **options: Defense.load(bert_folder, **options)


@pytest.fixture(scope="session")
def pairs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of pairs, calibrated on pairs; read only."""
    return calibrated_on_pairs(make_checkpoint(tmp_path_factory.mktemp("pairs") / "bert", "bert"))


def calibrated_on_pairs(folder: Path, *, max_length: int = 64) -> Path:
    """Write the calibration.json of a model of pairs into a checkpoint folder and return the folder."""
    conditions = Conditions(max_length=max_length, precision="float32", takes_pairs=True)
    calibrator = Calibrator(Classifier.load(folder, **conditions), fingerprint(folder, **conditions))
    calibration = calibrator.update(CLEAN_PAIRS).calibrate(max_fpr=0.1)
    (folder / "calibration.json").write_text(calibration.to_json(), encoding="utf-8")
    return folder


def calibrated(folder: Path, *, max_fpr: float = 0.1, max_length: int = 64) -> Path:
    """Write calibration.json into a checkpoint folder and return the folder."""
    (folder / "calibration.json").write_text(calibrate(folder, max_fpr=max_fpr, max_length=max_length).to_json())
    return folder


def calibrate(folder: Path, *, max_fpr: float, max_length: int = 64) -> Calibration:
    classifier = Classifier.load(folder, max_length=max_length)
    calibrator = Calibrator(classifier, fingerprint(folder, max_length=max_length))
    return calibrator.update(CLEAN_TEXTS).calibrate(max_fpr=max_fpr)
