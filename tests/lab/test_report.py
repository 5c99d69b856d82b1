"""The report: empty cells stay empty, failed attacks say so, numbers tell whose they are, and nothing is fetched."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scripts import draw_report
from scripts.console.command import Exit
from scripts.lab.defenses import DEFENSES
from scripts.lab.evaluation.metrics import rate_interval
from scripts.lab.grid.grid_rows import one_per_victim, read_cells, select
from scripts.lab.report.above_floor_figure import above_floor_title, behind_all
from scripts.lab.report.all_defenses import costs_beside_the_paper, defenses_compared
from scripts.lab.report.drawing import latest_signals
from scripts.lab.report.entries import Entry
from scripts.lab.report.first_text_figure import cells_of
from scripts.lab.report.tables import Table, beside_the_paper, clean_models, every_cell, other_attacks
from scripts.results.rows import Row, append_row
from scripts.tables import published

UNDEFENDED, PUBLISHED, PAPER, VERIFIED = 0, 11, 12, 13
"""Places in a row beside the paper: of no defense, of the paper's own, of its rule here, and of the default one."""
HOSTILE = "<script>alert(1)</script>"


def a_cell(attack: str = "badnets", *, defense: str = "paper", seed: int = 0, asr: float = 0.25, **changes: Any) -> Row:
    """A row as `run_grid` writes it."""
    return {
        "architecture": "bert",
        "dataset": "sst2",
        "attack": attack,
        "defense": defense,
        "seed": seed,
        "status": "measured",
        "base": "toy",
        "recipe": {},
        "cacc_undefended": 0.875,
        "asr_undefended": 1.0,
        "training_s": 1.0,
        "cacc_defended": 0.8125,
        "asr_cold": asr,
        "asr_defended": asr / 2,
        "n_clean": 10,
        "n_triggered": 5,
        "seconds": 1.5,
        "commit": "0123456789",
        "dirty": False,
        "time": "2026-01-01T00:00:00+00:00",
    } | changes


def a_failed_cell(attack: str = "badnets", *, defense: str = "paper", seed: int = 0) -> Row:
    """A row of a victim that does not obey its trigger."""
    victim = {"cacc_undefended": 0.75, "asr_undefended": 0.5, "training_s": 1.0}
    kept = ("architecture", "dataset", "base", "recipe", "commit", "dirty", "time")
    common = {name: value for name, value in a_cell().items() if name in kept}
    return common | {"attack": attack, "defense": defense, "seed": seed, "status": "attack failed"} | victim


def a_signals_row(word: str = "cf", **changes: Any) -> Row:
    """A row as `measure_signals` writes it."""
    values = np.linspace(0, 9, 40)
    scores = {name: values.tolist() for name in ("attention", "gradient", "anomaly")}
    triggered = {name: (values + 3).tolist() for name in scores}
    point = {"threshold": 8.5, "asr": 0.5, "cacc": 0.875}
    return {
        "architecture": "bert",
        "dataset": "sst2",
        "attack": "badnets",
        "triggers": [word],
        "seed": 0,
        "base": "toy",
        "n_clean": 40,
        "n_triggered": 40,
        "asr_over": "right_when_clean",
        "calibration": {"n_texts": 20, "percentile": 95.0, "threshold": 8.5},
        "signals": {"clean": scores, "triggered": triggered},
        "undefended": {"asr": 1.0, "cacc": 0.9},
        "sweep": [{"percentile": float(number), **point} for number in range(45, 100)],
        "ablation": {name: {"percentile": 95.0, **point} for name in ("attention", "gradient", "product")},
        "example": {"text": f"a {word} film", "flagged": True, "words": [["a", -0.1], [word, 9.0], ["film", 0.2]]},
        "mean_attributions": [{"word": word, "mean": 8.0, "n": 40}, {"word": "film", "mean": 0.1, "n": 3}],
        "commit": "0123456789",
        "dirty": False,
        "time": "2026-01-01T00:00:00+00:00",
    } | changes


def a_speed_row(**changes: Any) -> Row:
    """Costs of every pass: those of the plain one in proportion to the tokens, those of `official` to their square."""
    costs = [
        {
            "name": name,
            "tokens": tokens,
            "batch": batch,
            "seconds_per_text": tokens**power / 1000,
            "ratio": 1.0,
        }
        for name, power in (("plain", 1), ("scoring", 1), ("official", 2), ("verified", 1), ("paper", 1))
        for tokens in (32, 128)
        for batch in (1, 8)
    ]
    return {"device": "cpu", "precision": "float32", "n_threads": 2, "costs": costs, "peaks": []} | changes


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


def entries(table: Table, *headings: str) -> tuple[Entry, ...]:
    """The entries of the row with these heads, spanning ones of rows above included."""
    current: dict[int, str] = {}
    for line in table.lines:
        start = len(table.labels) - len(line.headings)
        current |= {start + place: heading.text for place, heading in enumerate(line.headings)}
        if tuple(current[place] for place in range(len(table.labels))) == headings:
            return line.entries
    raise AssertionError(f"no row {headings}")


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


def test_the_latest_row_of_a_cell_counts(tmp_path: Path) -> None:
    path = tmp_path / "grid.jsonl"
    for row in (a_cell(asr=0.5), a_cell(defense="verified"), a_cell(asr=0.125)):
        append_row(path, row)
    assert [(row["defense"], row["asr_cold"]) for row in read_cells(path)] == [("paper", 0.125), ("verified", 0.25)]
    assert read_cells(tmp_path / "missing.jsonl") == []


def test_another_target_or_insertion_is_another_cell(tmp_path: Path) -> None:
    path = tmp_path / "grid.jsonl"
    for target, insertion in ((0, "one"), (1, "one"), (0, "three"), (0, "one")):
        append_row(path, a_cell(target=target, insertion=insertion))
    rows = read_cells(path)
    assert [(row["target"], row["insertion"]) for row in rows] == [(0, "one"), (1, "one"), (0, "three")]
    assert [row["target"] for row in one_per_victim(rows)] == [0, 1]


def test_only_the_usual_rows_stand_beside_the_paper() -> None:
    rows = [
        a_cell(target=0, insertion="one", asr=0.125),
        a_cell(target=1, insertion="one", asr=0.5),
        a_cell(target=0, insertion="three", asr=0.75),
    ]
    assert entries(beside_the_paper(1, rows), "BERT", "BadNets", "ASR")[PAPER] == Entry("0.125", "measured")
    table = other_attacks(rows)
    assert [line.headings[0].text for line in table.lines] == ["badnets (three)", "badnets, target 1"]
    assert entries(table, "badnets, target 1", "SST-2", "BERT")[1] == Entry("0.500", "measured")
    listed = every_cell([a_cell(), a_cell("none", target=None, insertion="one")])
    assert [[head.text for head in line.headings[-2:]] for line in listed.lines] == [["", ""], ["", "one"]]


def test_one_row_stands_for_a_victim() -> None:
    rows = [
        a_cell(seed=1),
        a_failed_cell(defense="verified", seed=1),
        a_cell(seed=0),
        a_cell(defense="verified", seed=0),
    ]
    assert [(row["seed"], row["status"]) for row in one_per_victim(rows)] == [(0, "measured"), (1, "measured")]
    assert [row["seed"] for row in select(rows, defense="paper")] == [0, 1]


def test_a_cell_not_run_is_empty() -> None:
    table = beside_the_paper(1, [])
    assert {entry.kind for line in table.lines for entry in line.entries} == {"published", "empty"}
    places = (PUBLISHED, UNDEFENDED, PAPER, VERIFIED)
    found = entries(table, "BERT", "BadNets", "ASR")
    assert [found[place].text for place in places] == ["0.0", "not run", "not run", "not run"]
    found = entries(beside_the_paper(1, [a_cell(), a_cell(defense="onion", asr=0.5)]), "BERT", "BadNets", "ASR")
    assert [found[place].text for place in places] == ["0.0", "1.000", "0.250", "not run"]
    assert [entry.text for entry in found[1:5]] == ["0.142", "0.500", "0.002", "not run"]
    missing = entries(beside_the_paper(3, []), "DeBERTa", "LWS", "ASR")
    assert [(entry.text, entry.kind) for entry in missing[9:11]] == [("–", "empty"), ("not run", "empty")]


def test_a_failed_attack_says_so() -> None:
    table = beside_the_paper(1, [a_failed_cell(), a_failed_cell(defense="verified")])
    asr, cacc = (entries(table, "BERT", "BadNets", figure) for figure in ("ASR", "CACC"))
    assert asr[UNDEFENDED] == Entry("0.500", "failed", ("attack failed",))
    assert asr[PAPER] == asr[VERIFIED] == cacc[PAPER] == Entry("attack failed", "failed")
    assert cacc[UNDEFENDED] == Entry("0.750", "measured")


def test_several_seeds_give_mean_and_range_and_failures_are_counted() -> None:
    rows = [a_cell(asr=0.125), a_cell(asr=0.375, seed=1), a_failed_cell(seed=2)]
    table = beside_the_paper(1, rows)
    found = entries(table, "BERT", "BadNets", "ASR")
    undefended, paper, verified = found[UNDEFENDED], found[PAPER], found[VERIFIED]
    assert paper == Entry("0.250", "measured", ("0.125–0.375", "1 of 3 failed"))
    assert undefended == Entry("1.000", "measured", ("1 of 3 failed",))
    assert verified.kind == "empty"


def test_other_attacks_have_a_row_of_their_own() -> None:
    table = other_attacks(
        [a_cell(), a_cell("none"), a_cell("gradient_facade"), a_failed_cell("sos", defense="verified")]
    )
    assert [line.headings[0].text for line in table.lines] == ["gradient_facade", "sos"]
    found = entries(table, "gradient_facade", "SST-2", "BERT")
    assert [entry.text for entry in found] == ["1.000", "0.250", "not run", "-0.062", "not run"]
    assert [entry.text for entry in entries(table, "sos", "SST-2", "BERT")][2] == "attack failed"


def test_clean_models_show_every_base_on_every_data_set() -> None:
    table = clean_models([a_cell("none"), a_cell("badnets", architecture="roberta")])
    assert [entry.text for entry in entries(table, "BERT")[:3]] == ["0.875", "0.812", "not run"]
    assert {entry.kind for entry in entries(table, "RoBERTa")} == {"empty"}
    assert len(table.lines) == 5
    assert len(table.columns) == 9


def test_the_first_text_is_the_headline_and_the_rest_stands_below() -> None:
    rows = [
        a_cell(defense="verified", asr=0.25, n_scored=16, asr_floor=0.0625),
        a_cell(defense="swept", asr=0.25, asr_defended=0.03125),
        a_cell(defense="paper", asr=0.5),
    ]
    found = entries(beside_the_paper(1, rows), "BERT", "BadNets", "ASR")
    undefended, paper, verified = found[UNDEFENDED], found[PAPER], found[VERIFIED]
    low, high = (f"{bound:.3f}" for bound in rate_interval(4, 16))
    notes = (f"{low}–{high}", "served 0.125", "after a sweep 0.031")
    assert verified == Entry("0.250", "measured", notes)
    assert undefended.notes[-1] == "floor 0.062"
    assert paper == Entry("0.500", "measured"), "it never has a memory, and its row tells not of how many texts"
    assert entries(other_attacks([{**row, "attack": "sos"} for row in rows]), "sos", "SST-2", "BERT")[2] == verified
    without = entries(beside_the_paper(1, rows[:1]), "BERT", "BadNets", "ASR")[VERIFIED]
    assert without.notes == notes[:2]


def test_a_defense_has_a_column_when_it_was_run() -> None:
    for behind, names in (((), ["paper", "verified"]), (("referred", "swept"), ["paper", "verified", "referred"])):
        columns = clean_models([a_cell("none", defense=name) for name in behind]).columns
        assert [column.name for column in columns[: len(names) + 1]] == ["undefended", *names]
        assert len(columns) == 3 * (len(names) + 1)


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


@pytest.mark.parametrize(
    ("number", "place", "printed"),
    [
        (1, ("BERT", "BadNets", "SST-2", "CACC"), "0.923"),
        (1, ("BERT", "LWS", "IMDb", "CACC"), "0.91"),
        (1, ("DistilBERT", "BadNets", "IMDb", "ASR"), "0.090"),
        (1, ("ALBERT", "LWS", "SST-2", "ASR"), "0.201"),
        (1, ("ALBERT", "LWS", "AG's News", "CACC"), "0.943"),
        (2, ("BERT", "BadPre", "SST-2", "ASR"), "0.003"),
        (3, ("RoBERTa", "RIPPLES", "AG's News", "ASR"), "0.238"),
        (3, ("DeBERTa", "BadNets", "AG's News", "ASR"), "0.485"),
        (3, ("DeBERTa", "LWS", "SST-2", "CACC"), "0.939"),
    ],
)
def test_published_numbers_stand_where_the_paper_has_them(
    number: int, place: tuple[str, str, str, str], printed: str
) -> None:
    model, attack, dataset, figure = place
    assert published.printed(number, model=model, attack=attack, dataset=dataset, figure=figure) == printed


def test_published_tables_are_complete_and_sane() -> None:
    assert [len(published.records(number)) for number in (1, 2, 3)] == [3 * 3 * 3 * 2, 2, 2 * 3 * 3 * 2]
    odd = []
    for number in (1, 2, 3):
        keys = [
            tuple(row[name] for name in ("model", "attack", "dataset", "figure")) for row in published.records(number)
        ]
        assert len(set(keys)) == len(keys)
        for row in published.records(number):
            assert row["model"] in published.ARCHITECTURES
            assert row["attack"] in published.ATTACKS
            assert row["dataset"] in published.DATASETS
            odd += [row[name] for name in published.METHODS if not re.fullmatch(r"0\.\d+|1\.0", row[name])]
    assert sorted(set(odd)) == ["0836", "–"]
    assert odd.count("–") == 18


def test_what_the_paper_does_not_report_is_empty() -> None:
    place = {"model": "DeBERTa", "attack": "LWS", "dataset": "IMDb", "figure": "ASR"}
    assert published.printed(3, method="PURE", **place) == published.NOT_REPORTED
    assert published.printed(2, **place) == published.NOT_REPORTED


def test_every_table_tells_the_papers_columns_from_ours() -> None:
    for number in (1, 2, 3):
        table = beside_the_paper(number, [a_cell()])
        for column, place in zip(table.columns, range(len(table.columns)), strict=True):
            kinds = {line.entries[place].kind for line in table.lines}
            assert kinds <= (
                {"published", "empty"} if column.origin == "the paper" else {"measured", "empty", "failed"}
            )


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


def in_table(defense: str, **changes: Any) -> Row:
    """A row of the table of defenses."""
    costs = {"asr_floor": 0.25, "n_floor": 20, "n_scored": 20, "seconds_per_1000": 12.34, "seconds_once": 56.7}
    return a_cell(defense=defense, **{"run": "one", **costs, **changes})


def test_every_defense_stands_below_the_floor_and_no_defense() -> None:
    rows = [in_table("paper"), in_table("ft", asr=0.5), in_table("swept", asr_swept=0.125), a_failed_cell("lws")]
    table = defenses_compared(rows)
    names = [line.headings[0].text for line in table.lines]
    assert names[:3] == ["none; a clean model (the floor)", "none", "paper"]
    assert len(names) == 2 + len(DEFENSES)
    assert [column.name for column in table.columns] == ["badnets", "lws", "CACC change", "s per 1,000 texts", "s once"]
    found = {name: [entry.text for entry in entries(table, name)] for name in names}
    assert found[names[0]] == ["0.250", "not run", "", "", ""]
    assert found["none"] == ["1.000", "0.500", "", "", ""]
    assert found["paper"] == ["0.250", "attack failed", "-0.0625", "12.3", "57"]
    assert found["ft"][:2] == ["0.500", "not run"]
    assert found["swept, served"][0] == "0.125"
    assert found["conformal"] == ["not run"] * 5
    assert entries(table, "paper")[0].notes == ("0.087–0.491",)


def test_costs_stand_beside_the_papers() -> None:
    alone = in_table("verified", run="another")
    table = costs_beside_the_paper([in_table("paper"), in_table("onion", seconds_once=5.0), alone])
    assert [line.headings[0].text for line in table.lines] == ["BadNets", "RIPPLES", "LWP"]
    found = [entry.text for entry in entries(table, "BadNets")]
    assert found[:6] == ["123.58", "12.3", "5", "27.83", "not run", "not run"]
    assert found[-5:] == ["44.12", "12.3", "57", "not run", "not run"], "another process measured verified"
    assert [entry.text for entry in entries(table, "LWP")][:2] == ["122.42", "not run"]


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
