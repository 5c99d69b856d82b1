"""The command that repairs: an ordinary checkpoint with a record, or one line that says what is wrong."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handler.xgraad import Classifier
from handler.xgraad.files.fingerprint import hash_weights
from handler.xgraad.learned.repair_record import RepairRecord
from handler.xgraad.words.text import text_key
from scripts import repair_model
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.lab.defenses import DEFENSES, repair_names
from scripts.lab.defenses.held_out import LEAST_PER_LABEL, held_out
from scripts.lab.defenses.repairing import preferred_method, repair_checkpoint
from scripts.lab.defenses.repairs.rebuild import Rebuild
from scripts.lab.training.synthetic import LABEL_NAMES
from scripts.texts.corpora import Example, write_examples
from tests.unit.defenses.planted_reviews import MAX_LENGTH, Planted, planted
from tests.unit.test_repair_record import a_record

Repairing = Callable[..., int]


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted(tmp_path_factory.getbasetemp())


@pytest.fixture
def repair(victim: Planted, tmp_path: Path) -> Repairing:
    """Runs the command on the suspect; options replace or add."""

    def run(**options: object) -> int:
        usual: dict[str, object] = {
            "checkpoint": victim.folder / "suspect",
            "data": victim.folder / "dev.tsv",
            "trusted_base": victim.folder / "clean",
            "max_length": MAX_LENGTH,
            "out": tmp_path / "out",
        }
        pairs = [
            (f"--{name.replace('_', '-')}", str(value))
            for name, value in (usual | options).items()
            if value is not None
        ]
        return repair_model.main([part for pair in pairs for part in pair])

    return run


def test_the_learning_rate_is_the_users(
    repair: Repairing, victim: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repair(learning_rate=1e-9, method="ft", trusted_base=None) == Exit.DONE
    assert victim.of(tmp_path / "out") == victim.of(victim.folder / "suspect"), "so small a rate changes nothing"
    assert repair(learning_rate=0.0, method="ft", trusted_base=None, out=tmp_path / "none") == Exit.ERROR
    assert "learning_rate must be above 0, is 0.0" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_what_comes_out_is_an_ordinary_checkpoint_with_a_record(
    repair: Repairing, victim: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repair(json=tmp_path / "record.json", seed=3) == Exit.DONE
    out = tmp_path / "out"
    assert Classifier.load(out).labels == LABEL_NAMES
    assert victim.of(out)[1] <= victim.of(victim.folder / "clean")[1] + 0.1
    record = RepairRecord.read(out)
    assert record is not None
    assert (record.method, record.seed, record.trusted_base, record.limits) == ("rebuild", 3, "clean", Rebuild.LIMITS)
    assert (record.suspect, record.repaired) == (hash_weights(victim.folder / "suspect"), hash_weights(out))
    assert (record.n_learned, record.n_held_out) == (160, 40)
    assert record.accuracy_before == record.accuracy_after == 1.0
    assert json.loads((tmp_path / "record.json").read_text()) == record.model_dump()
    told = capsys.readouterr().out
    for part in ("1.000 before, 1.000 after", "40 clean texts", ": 0, 0.0%", Rebuild.LIMITS, "scripts.calibrate"):
        assert part in told
    assert {path.name for path in tmp_path.iterdir()} == {"out", "record.json"}, "nothing else is left"


def test_what_is_held_out_is_never_learned_from(
    victim: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even as a repeat, or as a further text."""
    rows = victim.corpus.dev
    write_examples(tmp_path / "twice.tsv", [*rows, *(Example(row.text.upper(), row.label) for row in rows)])
    seen: list[Any] = []

    class Watches(Rebuild):
        def write(self, out: Path) -> None:
            seen.extend((self.material.clean_examples(), self.material.more_texts()))
            shutil.copytree(self.material.checkpoint, out)

    monkeypatch.setattr(DEFENSES["rebuild"].__class__, "repair_class", lambda _: Watches)
    files: dict[str, Any] = {"clean": tmp_path / "twice.tsv", "more": victim.folder / "dev.tsv"}
    record = repair_checkpoint("rebuild", victim.material(tmp_path, **files), tmp_path / "out")
    kept = {text_key(row.text) for row in held_out(rows, labels=LABEL_NAMES, seed=0)}
    assert len(kept) == record.n_held_out == 40
    learned, further = seen
    assert {text_key(row.text) for row in learned} == {text_key(text) for text in further}
    assert not kept & {text_key(row.text) for row in learned}
    assert (len(learned), len(further)) == (320, 160)
    assert record.n_changed == 0


@pytest.mark.parametrize("method", repair_names())
def test_every_repair_says_what_it_cannot_promise(method: str) -> None:
    found = DEFENSES[method].repair_class()
    assert found is not None
    assert found.LIMITS
    assert a_record().from_json(json.dumps(a_record().model_dump() | {"method": method, "limits": found.LIMITS}))


def test_a_fifth_of_each_label_is_held_out() -> None:
    examples = [Example(f"text {number}", int(number < 40)) for number in range(140)]
    drawn = held_out(examples, labels=LABEL_NAMES, seed=0)
    assert [sum(row.label == label for row in drawn) for label in (0, 1)] == [20, 8]
    assert set(drawn) <= set(examples)
    assert drawn == held_out(examples, labels=LABEL_NAMES, seed=0) != held_out(examples, labels=LABEL_NAMES, seed=1)
    few = examples[40 - LEAST_PER_LABEL + 1 :]
    with pytest.raises(LabError, match=r"25 distinct texts of each label or more, holds 24 of 'positive'; add 1 of it"):
        held_out([*few, *few], labels=LABEL_NAMES, seed=0)


def test_the_best_that_the_material_allows(victim: Planted, tmp_path: Path) -> None:
    cases = {("b", "m"): "agreement", ("b", None): "rebuild", (None, "m"): "thorough", (None, None): "thorough"}
    for (base, more), best in cases.items():
        material = victim.material(tmp_path, trusted_base=base, more=Path(more) if more else None)
        assert preferred_method(material) == best
    assert {"ft", *cases.values(), "unlearn"} <= set(repair_names())
    assert "verified" not in repair_names()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "{folder}/clean"}, "--out .*clean: exists already; name a new folder"),
        ({"checkpoint": "{folder}/none"}, "--checkpoint must be a model folder, or NAME@REVISION on the hub, is "),
        ({"checkpoint": "{folder}"}, "config.json: missing"),
        ({"data": "{folder}/none.tsv"}, "none.tsv"),
        ({"data": "{tmp}/unlabelled.txt"}, "label"),
        ({"data": "{tmp}/few.tsv"}, "25 distinct texts of each label or more, holds 2 of 'negative'; add 23"),
        (
            {"method": "rebuild", "trusted_base": None},
            "rebuild needs a trusted base, --trusted-base is missing",
        ),
        ({"method": "agreement"}, "agreement needs further texts of the task, --texts is missing"),
        (
            {"trusted_base": "{folder}/none"},
            "--trusted-base must be a model folder, or NAME@REVISION on the hub, is .*none'",
        ),
        ({"trusted_base": "{tmp}/rembert"}, "--trusted-base: model_type must be one of albert, bert, .*, is 'rembert'"),
        ({"trusted_base": "{tmp}/broken"}, "base .*broken' must be a folder with a safetensors checkpoint"),
        ({"max_length": 4096}, "max_length must be between 8 and"),
        ({"method": "unlearn", "calibration": "{tmp}/none.json"}, "--calibration must be a file of scripts.calibrate"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    repair: Repairing,
    victim: Planted,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, object],
    message: str,
) -> None:
    (tmp_path / "unlabelled.txt").write_text("".join(f"a secret text {number}\n" for number in range(90)))
    write_examples(tmp_path / "few.tsv", [Example("a secret one", 0), Example("a secret two", 0)])
    damaged_bases(victim.folder / "clean", tmp_path)
    places = {"folder": victim.folder, "tmp": tmp_path}
    before = sorted(tmp_path.iterdir())
    filled = {name: value.format(**places) if isinstance(value, str) else value for name, value in options.items()}
    assert repair(**filled) == Exit.ERROR
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert re.search(message, line)
    assert "secret" not in line
    assert sorted(tmp_path.iterdir()) == before, "nothing is left"


def damaged_bases(base: Path, folder: Path) -> None:
    """One of an architecture that is not served, one whose weights are none."""
    from transformers import AutoTokenizer, RemBertConfig, RemBertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(base)
    sizes = {"hidden_size": 16, "input_embedding_size": 16, "output_embedding_size": 16, "num_attention_heads": 2}
    config = RemBertConfig(vocab_size=len(tokenizer), num_hidden_layers=1, intermediate_size=16, **sizes)
    RemBertForSequenceClassification(config).save_pretrained(folder / "rembert")
    tokenizer.save_pretrained(folder / "rembert")
    shutil.copytree(base, folder / "broken")
    (folder / "broken" / "model.safetensors").write_bytes(b"not weights")
