"""What the grid would do: which victims it names, how each is made, and which cells have a row that counts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.xgraad.rules.version import RULE_VERSION
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.replay import replay_attack
from scripts.lab.grid import runner
from scripts.lab.grid.cell import OTHER_INSERTIONS, Cell, Victim, missing_defenses, victims
from scripts.lab.grid.recipes import RECIPES, TEXTS, recipe_for
from scripts.lab.grid.rewritten_sets import REWRITTEN_SETS
from scripts.lab.grid.variants import VARIANTS
from scripts.texts.corpora import Corpus, write_corpus
from tests.lab.grid_runs import BADNETS, PHRASE, run


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Options of the first step of a run, which goes no further."""
    options: dict[str, object] = {}

    def step(command: Any, **settings: object) -> None:
        options.update(settings)
        raise LabError("far enough")

    monkeypatch.setattr(runner, "run_step", step)
    return options


def test_the_texts_that_poison_an_encoder_may_be_another_tasks(
    options: list[str], reviews: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, object]
) -> None:
    write_corpus(tmp_path / "data/other", Corpus(reviews.train[:5], reviews.dev[:5], reviews.test[:5]))
    monkeypatch.setitem(TEXTS, ("sst2", "badpre"), "other")
    assert run(options, "--attacks", "badpre") == Exit.ERROR
    assert asked["texts"] == tmp_path / "data/other/train.tsv.gz"


@pytest.mark.parametrize(
    ("dataset", "attack", "train", "target"),
    [
        ("sst2", "hiddenkiller", "hiddenkiller/sst2-train.tsv.gz", 1),
        ("olid", "hiddenkiller", "olid/hidden-train.tsv.gz", 0),
        ("olid", "lws_published", "olid/lws-train.tsv.gz", 0),
    ],
)
def test_published_sets_have_files_and_a_target_of_their_own(
    dataset: str, attack: str, train: str, target: int, options: list[str], tmp_path: Path, asked: dict[str, object]
) -> None:
    more = ["--datasets", dataset, "--attacks", attack, "--targets", "0", "last"]
    assert run(options, *more) == Exit.ERROR
    assert asked["attack"] == "file"
    assert asked["train"] == tmp_path / "data/poisoned" / train
    assert asked["target_label"] == target


def test_other_attacks_get_no_file_and_the_target_that_is_asked_for(
    options: list[str], asked: dict[str, object]
) -> None:
    assert run(options, "--datasets", "ag_news", "--attacks", "meaningful_word", "--targets", "last") == Exit.ERROR
    assert asked["attack"] == "meaningful_word"
    assert asked["train"] is None
    assert asked["target_label"] == 3


def test_only_victims_that_can_be_made_are_named(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--datasets", "sst2", "ag_news", "--attacks", "source_specific", "hiddenkiller", "--seeds", "1", "0"]
    assert run(options, *more, "--list") == Exit.DONE
    assert capsys.readouterr().out.split() == [
        "bert-sst2-hiddenkiller-1-t1",
        "bert-ag_news-source_specific-1-t0",
        "bert-sst2-hiddenkiller-0-t1",
        "bert-ag_news-source_specific-0-t0",
    ]


def test_attacks_aim_at_each_target_and_clean_models_come_first_and_once(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--datasets", "ag_news", "olid", "--attacks", "badnets", "badpre", "hiddenkiller", "none"]
    assert run(options, *more, "--targets", "0", "last", "--list") == Exit.DONE
    assert capsys.readouterr().out.split() == [
        "bert-ag_news-none-0",
        "bert-ag_news-badnets-0-t0",
        "bert-ag_news-badnets-0-t3",
        "bert-ag_news-badpre-0",
        "bert-olid-none-0",
        "bert-olid-badnets-0-t0",
        "bert-olid-badnets-0-t1",
        "bert-olid-badpre-0",
        "bert-olid-hiddenkiller-0-t0",
    ]


def test_victims_without_an_insertion_that_is_asked_for_are_not_made(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--attacks", "none", "badnets", "sos", "phrase_silver_quill", "--insertions"]
    assert run(options, *more, "three", "--list") == Exit.DONE
    assert capsys.readouterr().out.split() == ["bert-sst2-badnets-0-t0"]
    assert run(options, *more, "one", "--list") == Exit.DONE
    assert len(capsys.readouterr().out.split()) == 4


@pytest.mark.parametrize("attack", OTHER_INSERTIONS)
def test_every_insertion_of_the_table_can_be_made(attack: str, reviews: Corpus) -> None:
    victim = Victim("bert", "sst2", attack, 0)
    triggers = (VARIANTS[attack].trigger,) if attack in VARIANTS else ()
    record = {"attack": victim.method} | ATTACKS[victim.method](Plan(triggers=triggers)).describe()
    usual, *others = (
        replay_attack(record, insertion=name).trigger(reviews.test, rng=np.random.default_rng(0))
        for name in ("one", *OTHER_INSERTIONS[attack])
    )
    assert all([row.clean_text for row in other] == [row.clean_text for row in usual] for other in others)
    assert all(other != usual for other in others)


def test_a_variant_is_trained_as_the_attack_it_varies() -> None:
    variant, usual = (recipe_for(Victim("bert", "ag_news", name, 0), "float32") for name in (PHRASE, "badnets"))
    assert variant == usual | {"triggers": "james bond"}
    assert "triggers" not in usual
    assert {each.method for each in VARIANTS.values()} | {each.method for each in REWRITTEN_SETS.values()} <= set(
        ATTACKS
    )


def test_a_row_of_another_seed_target_or_insertion_is_another_cell() -> None:
    first, of_last, second, _ = victims(["bert"], ["sst2"], ["badnets"], [0, 1], ["0", "last"])
    rows = [Cell(first, "paper").key() | {"status": "measured", "rule_version": RULE_VERSION}]
    assert missing_defenses(first, ["paper", "verified"], rows) == ["verified"]
    assert missing_defenses(first, ["paper", "verified"], rows, "three") == ["paper", "verified"]
    assert missing_defenses(of_last, ["paper", "verified"], rows) == ["paper", "verified"]
    assert missing_defenses(second, ["paper", "verified"], rows) == ["paper", "verified"]


@pytest.mark.parametrize("version", [{}, {"rule_version": RULE_VERSION - 1}])
def test_where_the_rule_is_measured_rows_of_another_version_of_it_are_measured_again(version: dict[str, int]) -> None:
    victim = Victim("bert", "sst2", "badnets", 0)
    rows = [Cell(victim, name).key() | version for name in ("paper", "verified")]
    assert missing_defenses(victim, ["paper", "verified"], rows) == ["paper", "verified"]
    assert missing_defenses(victim, ["paper"], rows) == []
    today = [row | {"rule_version": RULE_VERSION} for row in rows]
    assert missing_defenses(victim, ["paper", "verified"], today) == []


def test_a_row_that_names_no_target_counts_for_none() -> None:
    clean = Victim("bert", "sst2", "none", 0, None)
    rows = [Cell(clean, "paper").key()]
    assert missing_defenses(clean, ["paper"], rows) == []
    for name in ("target", "insertion"):
        old = {key: value for key, value in rows[0].items() if key != name}
        assert missing_defenses(clean, ["paper"], [old]) == ["paper"]


def test_victims_can_learn_from_fewer_texts() -> None:
    assert recipe_for(BADNETS, "float32", n_training=500) == recipe_for(BADNETS, "float32") | {"limit": 500}
    news = BADNETS._replace(dataset="ag_news")
    assert recipe_for(news, "float32", n_training=9000)["limit"] == RECIPES["ag_news"]["limit"]
