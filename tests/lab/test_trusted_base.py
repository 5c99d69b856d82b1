"""A reference from a base that is trusted: made by `calibrate`, checked when loaded, packed and served."""

import zipfile
from pathlib import Path

import pytest

from handler.settings import Settings
from handler.xgraad import Calibration, Classifier, Defense
from handler.xgraad.errors import CalibrationError, FingerprintError
from handler.xgraad.learned.trusted_model import folder_beside
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.reference import ModelReference
from handler.xgraad.verification.transplant import Graft
from scripts import build_archive, calibrate
from scripts.admission.auditing import audit_checkpoint
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.lab.cost.passes import Call, ComparedModels
from scripts.lab.cost.peak_memory import Job
from scripts.lab.cost.reference_cost import reference_cost
from scripts.lab.cost.speed import SpeedCell
from scripts.lab.training.reference_training import TrustedBase, train_reference
from scripts.texts.corpora import Example
from tests.conftest import CLEAN_TEXTS
from tests.samples import copy_of, edit_weights
from tests.toys import SENTENCES, make_checkpoint

EXAMPLES = [Example(text, int("plot" in text)) for text in CLEAN_TEXTS]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("base") / "toy_base", "bert", seed=5)


@pytest.fixture(scope="module")
def checkpoint(base: Path, bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrated by the command, with a reference beside the calibration."""
    folder = tmp_path_factory.mktemp("trusted")
    checkpoint, data = copy_of(bert_folder, folder / "checkpoint"), folder / "clean.tsv"
    data.write_text("".join(f"{text}\t{label}\n" for text, label in EXAMPLES), encoding="utf-8")
    command: list[object] = ["--checkpoint", checkpoint, "--data", data, "--out", checkpoint / "calibration.json"]
    command += ["--max-fpr", 0.1, "--max-length", 64, "--trusted-base", base, "--seed", 3]
    assert calibrate.main([str(each) for each in command]) == Exit.DONE
    return checkpoint


@pytest.fixture
def own(checkpoint: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return copy_of(checkpoint, tmp_path / "checkpoint")


def test_the_calibration_says_what_its_reference_is(checkpoint: Path) -> None:
    calibration = Calibration.read(checkpoint / "calibration.json")
    record = calibration.reference
    assert record is not None
    n_probes = len({probe for of_label in calibration.probes for probe in of_label})
    assert (record.base, record.seed) == ("toy_base", 3)
    assert record.n_texts + n_probes == len(EXAMPLES)  # what it is to judge by it has not learned
    assert record.fingerprint.weights != calibration.fingerprint.weights
    assert not [text for text in CLEAN_TEXTS if text in calibration.to_json()]


def test_a_repeat_of_a_probe_is_not_learned_and_no_probe_twice(base: Path, bert_folder: Path, tmp_path: Path) -> None:
    rows = [*EXAMPLES, *(Example(text.upper(), label) for text, label in EXAMPLES)]
    (tmp_path / "clean.tsv").write_text("".join(f"{text}\t{label}\n" for text, label in rows), encoding="utf-8")
    command = ["--checkpoint", bert_folder, "--data", tmp_path / "clean.tsv", "--out", tmp_path / "calibration.json"]
    command += ["--max-fpr", "0.1", "--max-length", "64", "--trusted-base", base]
    assert calibrate.main([str(each) for each in command]) == Exit.DONE
    calibration = Calibration.read(tmp_path / "calibration.json")
    n_probes = sum(map(len, calibration.probes))
    assert calibration.reference is not None
    assert calibration.reference.n_texts == 2 * (len(EXAMPLES) - n_probes)
    of_reference = [probe for of_label in calibration.reference.probes for probe in of_label]
    assert len(set(of_reference)) == len(of_reference) <= n_probes


def test_a_defense_loads_with_its_reference(checkpoint: Path) -> None:
    assert [verdict.rule for verdict in Defense.load(checkpoint)(SENTENCES)] == ["verified"] * len(SENTENCES)


def test_the_same_seed_makes_the_same_reference(base: Path, checkpoint: Path, tmp_path: Path) -> None:
    record = Calibration.read(checkpoint / "calibration.json").reference
    assert record is not None
    made = [
        train_reference(
            TrustedBase(name=str(base), seed=seed, epochs=1),
            EXAMPLES[8:],
            EXAMPLES[:8],
            n_labels=2,
            max_length=64,
            device="cpu",
            out=tmp_path / "out.reference",
        )[0].fingerprint.weights
        for seed in (1, 1, 2)
    ]
    assert made[0] == made[1] != made[2]


def test_a_reference_learns_what_words_mean(base: Path, tmp_path: Path) -> None:
    """And then explains the word that decides its labels; one that it never saw it does not."""
    good, bad = ("a clever and funny film", "a dull and ugly plot")
    learned = [Example(text, label) for label, text in enumerate((bad, good))] * 32
    held_out = [Example(f"{text} again", label) for label, text in enumerate((bad, good))] * 4
    record, transplant = train_reference(
        TrustedBase(name=str(base), epochs=16, learning_rate=1e-3),
        learned,
        held_out,
        n_labels=2,
        max_length=64,
        device="cpu",
        out=tmp_path / "out.reference",
    )
    assert (record.accuracy, record.n_texts) == (1.0, 64)
    honest = Graft(("dull and ugly plot dull and ugly plot",), Place.INSIDE, target=0, source=1)
    unknown = Graft(("cf",), Place.INSIDE, target=0, source=1)
    assert ModelReference(transplant).explains([honest, unknown]) == [True, False]
    assert [len(probes) for probes in record.probes] == [4, 4]


def test_a_label_that_the_model_has_not_is_refused_in_one_line(base: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="label must be below 2, the number of the model's classes, is 2") as caught:
        train_reference(
            TrustedBase(name=str(base)),
            [Example("a plot", 0)],
            [Example("a secret film", 2)],
            n_labels=2,
            max_length=64,
            device="cpu",
            out=tmp_path / "out.reference",
        )
    assert "secret" not in str(caught.value)


def test_a_base_that_is_not_there_is_refused_in_one_line(
    bert_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "clean.tsv"
    data.write_text("".join(f"{text}\t{label}\n" for text, label in EXAMPLES), encoding="utf-8")
    command = ["--checkpoint", str(bert_folder), "--data", str(data), "--out", str(tmp_path / "calibration.json")]
    assert calibrate.main([*command, "--max-fpr", "0.1", "--trusted-base", str(tmp_path / "none")]) == Exit.ERROR
    told = capsys.readouterr().err
    assert "none" in told
    assert "Traceback" not in told
    assert not (tmp_path / "calibration.json").exists()


def test_a_missing_reference_is_refused_in_one_line(own: Path) -> None:
    folder_beside(own / "calibration.json").rename(own / "elsewhere")
    with pytest.raises(
        CalibrationError, match=r"calibration\.reference: the reference is missing; make both"
    ) as caught:
        Defense.load(own)
    assert "\n" not in str(caught.value)


def test_another_reference_is_refused_in_one_line(own: Path) -> None:
    edit_weights(folder_beside(own / "calibration.json"), lambda tensors: tensors["classifier.bias"].add_(0.5))
    with pytest.raises(FingerprintError, match=r"^calibration\.reference .*weights") as caught:
        Defense.load(own)
    assert "\n" not in str(caught.value)


def test_rules_that_ask_no_reference_do_without(own: Path) -> None:
    folder_beside(own / "calibration.json").rename(own / "elsewhere")
    assert Defense.load(own, rule="paper")(["a film"])[0].rule == "paper"


def test_an_archive_holds_it_and_a_worker_loads_it(checkpoint: Path, tmp_path: Path) -> None:
    command: list[object] = ["--name", "toy", "--checkpoint", checkpoint, "--model-store", tmp_path]
    command += ["--calibration", checkpoint / "calibration.json"]
    assert build_archive.main([str(each) for each in command]) == Exit.DONE
    with zipfile.ZipFile(tmp_path / "toy.mar") as packed:
        inside = {name for name in packed.namelist() if name.startswith("calibration.reference/")}
        packed.extractall(tmp_path / "unpacked")
    assert {"calibration.reference/config.json", "calibration.reference/model.safetensors"} <= inside
    defense = Settings().load_defense(str(tmp_path / "unpacked"), device="cpu")
    assert defense(["a thin plot"])[0].rule == "verified"
    edit_weights(tmp_path / "unpacked/calibration.reference", lambda tensors: tensors["classifier.bias"].add_(0.5))
    with pytest.raises(FingerprintError):
        Settings().load_defense(str(tmp_path / "unpacked"), device="cpu")


def test_an_archive_without_one_is_refused(own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder_beside(own / "calibration.json").rename(own / "elsewhere")
    command: list[object] = ["--name", "toy", "--checkpoint", own, "--model-store", tmp_path]
    command += ["--calibration", own / "calibration.json"]
    assert build_archive.main([str(each) for each in command]) == Exit.ERROR
    told = capsys.readouterr().err
    assert "calibration.reference/config.json: missing" in told
    assert "Traceback" not in told


def test_the_sweep_and_the_timing_ask_it(own: Path) -> None:
    """Both work with it, and neither without."""
    calibration = own / "calibration.json"
    assert audit_checkpoint(own, calibration, limit_words=9).audit.n_words == 9
    judge = ComparedModels(own, calibration, device="cpu").passes(["verified"])["verified"]
    assert [verdict.rule for verdict in judge(Call(SENTENCES, [], 0))] == ["verified"] * len(SENTENCES)  # type: ignore[attr-defined]
    folder_beside(calibration).rename(own / "elsewhere")
    with pytest.raises(CalibrationError, match="the reference is missing"):
        audit_checkpoint(own, calibration, limit_words=9)
    with pytest.raises(CalibrationError, match="the reference is missing"):
        ComparedModels(own, calibration, device="cpu").passes(["verified"])


def test_it_is_a_model_of_its_own(checkpoint: Path) -> None:
    """Loaded as any other: two labels, as many as the suspect has."""
    folder = folder_beside(checkpoint / "calibration.json")
    assert len(Classifier.load(folder, max_length=64).labels) == 2


def test_what_it_costs_is_measured(checkpoint: Path, own: Path, bert_folder: Path) -> None:
    """Its weights at the least; where there is none, nothing is told."""

    def job(folder: Path) -> Job:
        path = folder / "calibration.json"
        return Job(checkpoint=folder, calibration=path, device="cpu", name="reference", cell=SpeedCell(16, 1), texts=())

    cost = reference_cost(job(checkpoint))
    weights = (folder_beside(checkpoint / "calibration.json") / "model.safetensors").stat().st_size / 1e6
    assert cost.reference_load_s is not None
    assert cost.reference_mb is not None
    assert 0 < cost.reference_load_s < 60
    assert weights / 2 < cost.reference_mb < weights + 50
    assert reference_cost(job(bert_folder)) == (None, None)
    folder_beside(own / "calibration.json").rename(own / "elsewhere")
    with pytest.raises(LabError, match="measures the memory of the pass reference"):
        reference_cost(job(own))
