"""The report's page and figures: they show what was measured, words in them are text, and nothing is fetched."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from scripts import draw_report
from scripts.console.command import Exit
from scripts.lab.evaluation.metrics import rate_interval
from scripts.lab.report.above_floor_figure import above_floor_title, behind_all
from scripts.lab.report.drawing import latest_signals
from scripts.lab.report.first_text_figure import cells_of
from scripts.results.rows import Row, append_row
from tests.lab.report_rows import a_cell, a_failed_cell, a_signals_row, a_speed_row, in_table

HOSTILE = "<script>alert(1)</script>"


class Page(HTMLParser):
    """The tags of a page with their attributes, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def draw(folder: Path, cells: list[Row], signals: list[Row]) -> tuple[str, Path]:
    folder.mkdir(exist_ok=True)
    for name, rows in (("grid", cells), ("signals", signals)):
        for row in rows:
            append_row(folder / f"{name}.jsonl", row)
    out = folder / "out"
    assert draw_report.main(["--results", str(folder), "--out", str(out)]) == Exit.DONE
    return (out / "report.html").read_text(encoding="utf-8"), out


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A page with a hostile word wherever words come from."""
    signals = [a_signals_row(HOSTILE), a_signals_row("a$b$", seed=1), a_signals_row("漢", seed=2)]
    folder = tmp_path_factory.mktemp("hostile")
    return draw(folder, [a_cell(attack=f"new {HOSTILE}"), a_cell(base=f'"{HOSTILE}')], signals)


def test_first_texts_are_drawn_for_each_defense(tmp_path: Path) -> None:
    rows = [
        a_cell(defense="verified", asr=0.25, n_scored=16, asr_floor=0.0625),
        a_cell("sos", defense="verified", asr=0.75, asr_cold_interval=[0.5, 0.875]),
        a_cell(defense="swept", asr=0.25, asr_defended=0.03125),
        a_cell("none", defense="conformal"),
        a_failed_cell("ripples", defense="referred"),
        a_cell(defense="paper", asr_cold=None),
    ]
    text, out = draw(tmp_path, rows, [])
    assert [path.name for path in out.glob("*.svg")] == ["first-texts-verified.svg"]
    assert "verified: the first text of 2 attacks gets through in 0.500 of cases on average" in text
    assert "0.250 against its 0.062" in text
    svg = (out / "first-texts-verified.svg").read_text(encoding="utf-8")
    for part in ("badnets · sst2 · bert", "made against defenses", "floor: a clean model", "served after a sweep"):
        assert part in svg
    assert "No attack has been measured yet" not in text
    _, out = draw(tmp_path / "again", [row for row in rows if row["defense"] != "swept"], [])
    assert "served after a sweep" not in (out / "first-texts-verified.svg").read_text(encoding="utf-8")


def test_a_cell_of_the_figure_has_the_range_of_its_seeds() -> None:
    one = a_cell(defense="verified", asr=0.25, n_scored=16, asr_floor=0.25)
    other = a_cell(defense="verified", asr=0.75, seed=1, asr_cold_interval=[0.5, 0.875])
    swept = a_cell(defense="swept", asr_defended=0.125)
    (cell,) = cells_of([one, other, swept], "verified")
    low, _ = rate_interval(4, 16)
    assert (cell.kind, cell.name) == ("inserted words", "badnets · sst2 · bert")
    assert (cell.cold, cell.low, cell.high) == (0.5, low, 0.875)
    assert (cell.floor, cell.served, cell.swept) == (0.25, 0.25, 0.125)
    (bare,) = cells_of([a_cell(asr=0.25)], "paper")
    (referred,) = cells_of([a_cell(defense="referred", asr=0.25), swept, one], "referred")
    assert (referred.floor, referred.served, referred.swept) == (0.25, 0.125, None)
    assert (bare.low, bare.high, bare.floor, bare.served, bare.swept) == (0.25, 0.25, None, None, None)


def test_hostile_words_are_text(hostile: tuple[str, Path]) -> None:
    text, _ = hostile
    page = Page(text)
    assert "script" not in {tag for tag, _ in page.tags}
    assert any("<script>" in data for data in page.texts)
    assert any("a$b$" in data for data in page.texts)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_the_page_fetches_nothing(hostile: tuple[str, Path]) -> None:
    text, _ = hostile
    page = Page(text)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "img", "base", "image"}
    references = [
        str(attributes[name])
        for _, attributes in page.tags
        for name in ("href", "xlink:href", "src")
        if name in attributes
    ]
    assert references
    assert all(reference.startswith("#") for reference in references)
    assert not re.findall(r"url\((?!#)|@import", text)
    assert "prefers-color-scheme: dark" in text
    ids = [str(attributes["id"]) for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_figures_are_written_and_not_blank(hostile: tuple[str, Path]) -> None:
    from PIL import Image

    _, out = hostile
    pictures = sorted(out.glob("*.png"))
    assert len(pictures) == 3 * 3 + 1 + 1
    assert {path.stem for path in pictures} == {path.stem for path in out.glob("*.svg")}
    for path in pictures:
        with Image.open(path) as image:
            assert image.size[0] > 600
            assert float(np.asarray(image.convert("L")).std()) > 5
        assert "<text" in path.with_suffix(".svg").read_text(encoding="utf-8")


def test_figures_are_the_same_every_time(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, first = draw(tmp_path / "a", [], [a_signals_row()])
    _, second = draw(tmp_path / "b", [], [a_signals_row()])
    assert [path.read_bytes() for path in sorted(first.glob("*.svg"))] == [
        path.read_bytes() for path in sorted(second.glob("*.svg"))
    ]


def test_growth_is_drawn_for_each_device_and_says_how_much(tmp_path: Path) -> None:
    gpu = {"device": "cuda", "device_name": "A GPU"}
    for row in (a_speed_row(), a_speed_row(**gpu), a_speed_row()):
        append_row(tmp_path / "speed.jsonl", row)
    text, out = draw(tmp_path, [], [])
    assert "plain model 4, scoring 4, the published script&#39;s scoring 16" in text
    assert "Nothing has been measured yet" not in text
    assert {path.stem for path in out.glob("*.svg")} == {"growth-cpu-float32", "growth-a-gpu-float32"}
    svg = (out / "growth-cpu-float32.svg").read_text(encoding="utf-8")
    assert "1 text a call" in svg
    assert "8 texts a call" in svg


def test_a_report_of_nothing_is_a_page(tmp_path: Path) -> None:
    text, out = draw(tmp_path, [], [])
    assert "No signals have been measured yet" in text
    assert "0 were measured here" in text
    assert "No attack has been measured yet" in text
    assert not list(out.glob("*.svg"))


def test_the_latest_signals_of_a_victim_count_and_names_do_not_collide(tmp_path: Path) -> None:
    rows = [a_signals_row("cf"), a_signals_row("CF!"), a_signals_row("cf", n_clean=7)]
    (tmp_path / "signals.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = latest_signals(tmp_path / "signals.jsonl")
    assert sorted((name, row["n_clean"]) for name, row in found.items()) == [
        ("bert-sst2-badnets-cf-0", 40),
        ("bert-sst2-badnets-cf-0-2", 7),
    ]


def test_a_missing_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert draw_report.main(["--results", str(tmp_path / "none"), "--out", str(tmp_path)]) == Exit.ERROR
    assert "must be a folder" in capsys.readouterr().err


def test_what_lies_above_the_floor_is_told_of_defenses_that_met_every_attack() -> None:
    rows = [
        in_table("paper", asr=0.5),
        in_table("paper", asr=1.0, seed=1),
        in_table("paper", asr=0.25, attack="sos"),
        in_table("verified", asr=0.25),
        in_table("verified", asr=0.5, attack="sos"),
        in_table("ft", asr=0.0),
        in_table("swept", asr_swept=0.0),
        in_table("swept", asr_swept=0.0, attack="sos"),
        a_cell("lws", asr=0.0),  # nobody asked a clean model
        a_failed_cell("ripples"),
    ]
    found = {each.name: each.above for each in behind_all(rows)}
    assert found == {
        "no defense": (0.75, 0.75),
        "paper": (0.5, 0.0),
        "verified": (0.0, 0.25),
        "swept, served": (-0.25, -0.25),
        "ft": (-0.25,),
    }
    title = above_floor_title(behind_all(rows))
    assert title == "Above the floor verified leaves the least of 2 attacks, 0.125 on average, at worst 0.250"
    assert above_floor_title(behind_all(rows[-4:])) == "No defense has been measured"
    assert above_floor_title(behind_all([rows[2], rows[3]])).startswith("No defense has met all 2 attacks yet")


def test_the_page_has_the_table_of_defenses_and_its_figure(tmp_path: Path) -> None:
    for name in ("paper", "ft"):
        append_row(tmp_path / "defenses.jsonl", in_table(name, target=0, insertion="one"))
    page, out = draw(tmp_path, [], [])
    assert (out / "defenses.svg").is_file()
    assert "no defense (1)" in page
    assert "Every defense on every attack" in page
    _, without = draw(tmp_path / "without", [a_cell()], [])
    assert not (without / "defenses.svg").exists()
