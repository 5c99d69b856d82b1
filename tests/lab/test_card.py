"""What `make gpu` does, rehearsed on a CPU with a tiny model, so that nothing but the card is new on the day."""

import time
from pathlib import Path

import pytest

from handler.xgraad.files.precision import PRECISIONS
from scripts import measure_card
from scripts.lab.card.sizes import SIZES
from scripts.lab.card.timetable import Part, outcomes
from scripts.results.rows import read_rows


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("card") / "out"
    code = measure_card.main(["--out", str(out), "--device", "cpu", "--size", "tiny", "--minutes", "30"])
    assert code == 0
    return out


def test_every_part_is_done_and_says_where(rehearsed: Path) -> None:
    rows = read_rows(rehearsed / "card.jsonl")

    assert {row["outcome"] for row in rows} == {"done"}
    assert {"tests", "victim", "kernels", "memory", "precision"} < {row["part"] for row in rows}
    assert all((row["device"], row["size"]) == ("cpu", "tiny") and row["versions"] for row in rows)


def test_every_precision_is_timed_and_looked_into(rehearsed: Path) -> None:
    speeds, kernels = (read_rows(rehearsed / f"{name}.jsonl") for name in ("speed", "kernels"))

    assert (
        {row["precision"] for row in speeds} == {row["precision"] for row in kernels} == set(SIZES["tiny"].precisions)
    )
    assert all(cost["seconds_per_text"] > 0 for row in speeds for cost in row["costs"])
    assert any(row["peaks"] for row in speeds)
    assert all(row["way"] == "keeping" for row in kernels)
    assert all(0 < share <= 1 for row in kernels for _, share in row["kernels"])


def test_an_attack_is_planted_and_measured_cold(rehearsed: Path) -> None:
    (row,) = read_rows(rehearsed / "defense.jsonl")

    assert (row["attack"], row["target_label"]) == ("badnets", 0)
    assert 0 <= row["asr_cold"] <= row["asr_undefended"] <= 1


def _fail(_: float) -> None:
    raise RuntimeError("CUDA error: device-side assert\nand much more")


def test_a_part_that_fails_costs_the_others_nothing_and_late_ones_are_not_begun() -> None:
    ran: list[str] = []
    parts = [Part("bad", _fail, 1), Part("good", lambda _: ran.append("good"), 1), Part("late", ran.append, 1e6)]  # type: ignore[arg-type]

    found = list(outcomes(parts, time.monotonic() + 100))

    assert [(each.part, each.outcome) for each in found] == [("bad", "failed"), ("good", "done"), ("late", "no time")]
    assert (found[0].reason, found[1].reason) == ("CUDA error: device-side assert", "")
    assert ran == ["good"]


def test_without_a_card_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert measure_card.main(["--out", str(tmp_path / "out")]) == 2
    assert "torch finds no GPU here; pass --device cpu --size tiny to rehearse" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_earlier_run_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "speed.jsonl").write_text("{}\n")

    assert measure_card.main(["--out", str(tmp_path), "--device", "cpu", "--size", "tiny"]) == 2
    assert "--out must be a new or empty folder" in capsys.readouterr().err


def test_a_card_is_timed_in_every_precision() -> None:
    assert set(SIZES["base"].precisions) == set(PRECISIONS)
