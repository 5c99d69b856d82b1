"""Every command either works on pairs of texts or says by name that it does not, and what to do."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from handler.xgraad import Classifier, Defense, SqliteRegistry
from handler.xgraad.files.fingerprint import hash_weights
from handler.xgraad.learned.repair_record import RepairRecord
from handler.xgraad.words.pair import join_pair, split_pair
from scripts import measure_precision, measure_speed, predict, repair_model, scan_model, triggers
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.lab.cost.load import _ask_once
from scripts.lab.defenses import DEFENSES
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.defended import defended
from scripts.results.rows import read_rows
from scripts.texts.corpora import TriggeredExample, write_triggered
from tests.conftest import CLEAN_PAIRS, CLEAN_TEXTS
from tests.toys import SENTENCES

ANSWERED = (Exit.DONE, Exit.BELOW_TARGET, Exit.INCONCLUSIVE)
SINGLE, OF_PAIRS = "judges single texts, and this is a pair", "judges pairs of texts, and this is a single one"


@pytest.fixture
def data(pairs_folder: Path, tmp_path: Path) -> Path:
    """Clean pairs with the labels that the model gives them."""
    pairs = [join_pair(*pair) for pair in product(SENTENCES, CLEAN_TEXTS[:16])]
    said = Classifier.load(pairs_folder, max_length=64, takes_pairs=True).predictions(pairs)
    rows = [(*split_pair(pair), each.label_id) for pair, each in zip(pairs, said, strict=True)]
    lines = [json.dumps({"text": first, "other": second, "label": label}) for first, second, label in rows]
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def arguments(**options: object) -> list[str]:
    named = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items()]
    return [part for pair in named for part in pair]


def told(capsys: pytest.CaptureFixture[str]) -> str:
    error = capsys.readouterr().err.strip()
    assert "Traceback" not in error
    return error


def test_a_scan_looks_at_pairs(
    pairs_folder: Path, bert_folder: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scan.json"
    options: dict[str, object] = {"checkpoint": pairs_folder, "data": data, "limit_words": 8}
    given = arguments(**options, calibration=pairs_folder / "calibration.json", json=out, label_column="label")
    assert scan_model.main([*given, "--pair-column", "other"]) in ANSWERED
    found = {each["check"]: each["status"] for each in json.loads(out.read_text())["checks"]}
    assert found["files"] == found["words"] == "passed"
    assert found["styles"] != "skipped"
    out.unlink()
    capsys.readouterr()
    assert scan_model.main(given) == Exit.ERROR
    assert OF_PAIRS in (error := told(capsys))
    assert "--pair-column" in error
    single = arguments(**options | {"checkpoint": bert_folder}, calibration=bert_folder / "calibration.json")
    assert scan_model.main([*single, "--pair-column", "other"]) == Exit.ERROR
    assert SINGLE in told(capsys)
    assert not out.exists()


def test_a_repair_learns_pairs(pairs_folder: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "repaired"
    given = arguments(checkpoint=pairs_folder, data=data, pair_column="other", out=out, max_length=64)
    assert repair_model.main([*given, "--method", "augmentation"]) == Exit.DONE
    record = RepairRecord.read(out)
    assert record is not None
    assert record.accuracy_before == 1.0, "the labels are those that it gave to pairs"
    assert Classifier.load(out, takes_pairs=True).predictions(CLEAN_PAIRS[:2])


def test_precisions_are_compared_on_pairs(
    pairs_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clean, rows = tmp_path / "clean.tsv", tmp_path / "rows.jsonl"
    clean.write_text("".join(f"{pair}\t0\n" for pair in CLEAN_PAIRS[:20]), encoding="utf-8")
    attacked, single = tmp_path / "attacked.tsv", tmp_path / "single.tsv"
    write_triggered(attacked, [TriggeredExample(f"cf {pair}", 1, pair) for pair in CLEAN_PAIRS[:5]])
    write_triggered(single, [TriggeredExample(f"cf {text}", 1, text) for text in CLEAN_TEXTS[:5]])
    given = arguments(checkpoint=pairs_folder, clean=clean, append=rows, max_length=64)
    assert measure_precision.main([*given, "--triggered", str(attacked)]) == Exit.DONE
    assert [row["precision"] for row in read_rows(rows)] == ["float32", "bfloat16", "float16"]
    capsys.readouterr()
    assert measure_precision.main([*given, "--triggered", str(single)]) == Exit.ERROR
    assert OF_PAIRS in told(capsys)


def test_speed_is_that_of_single_texts(pairs_folder: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = arguments(checkpoint=pairs_folder, calibration=pairs_folder / "calibration.json", data=data, lengths=32)
    assert measure_speed.main([*given, "--pair-column", "other"]) == Exit.ERROR
    assert "--calibration calibration.json: must be of single texts" in told(capsys)


def test_a_baseline_that_takes_texts_apart_is_refused_by_name(pairs_folder: Path, tmp_path: Path) -> None:
    material = Material(
        checkpoint=pairs_folder,
        calibration=pairs_folder / "calibration.json",
        calibrate=lambda *_: pytest.fail("calibrated"),
        work=tmp_path,
        max_length=64,
        takes_pairs=True,
    )
    judges = {name: parts.judge_class() for name, parts in DEFENSES.items() if parts.judge}
    takes = {name for name, judge in judges.items() if judge and judge.TAKES_PAIRS}
    rules = {"paper", "conformal", "verified", "referred", "swept", "second_opinion"}
    assert takes == rules | {"badacts", "dan"}
    for name in judges.keys() - takes:
        with pytest.raises(LabError, match=f"--defense {name} judges single texts, and this calibration is of pairs"):
            defended(name, material)
    assert defended("paper", material)(CLEAN_PAIRS[:2])


def test_clients_send_both_texts() -> None:
    given = predict.build_parser().parse_args(["--model", "m", "alone", "--pair", "a", "b", "--pair", "c", "d"])
    assert predict.texts_to_send(given) == ["alone", join_pair("a", "b"), join_pair("c", "d")]

    class Recorder:
        def predict(self, _model: str, document: Any) -> Any:
            return {"label": "x", "sent": document, "defense": {"suspects": [], "neutralized_text": None}}

    def see(_text: str, document: Any) -> bool:
        seen.append(document["sent"])
        return True

    seen: list[Any] = []
    client: Any = Recorder()
    for text in (join_pair("a", "b"), "alone"):
        assert _ask_once(client, "m", text, see).error is None
    assert seen == [{"text": "a", "text_pair": "b"}, {"text": "alone"}]


def test_a_trigger_that_is_added_counts_in_either_text(pairs_folder: Path, tmp_path: Path) -> None:
    defense, file = Defense.load(pairs_folder), tmp_path / "triggers.sqlite"
    pairs = [
        join_pair("a, cf, film", "the plot"),
        join_pair("a film", "the, cf, plot"),
        join_pair("a film", "the plot"),
    ]
    label = defense(pairs[:1])[0].undefended.label_id
    given = arguments(checkpoint=pairs_folder, registry=file, label=label)
    assert triggers.main(["add", *given, "cf"]) == Exit.DONE
    registry = SqliteRegistry(file, checkpoint=hash_weights(pairs_folder))
    verdicts = Defense.load(pairs_folder, registry=registry)(pairs)
    registry.close()
    for verdict in verdicts[:2]:
        if verdict.undefended.label_id == label:
            assert [suspect.word for suspect in verdict.suspects] == ["cf"]
            assert verdict.neutralized_text is not None
            assert "cf" not in verdict.neutralized_text
    assert verdicts[0].suspects
    assert not verdicts[2].suspects
