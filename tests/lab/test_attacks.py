import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from scripts import train_attack
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.lab.attacks import ATTACKS, planting
from scripts.lab.attacks.adaptive.penalties import attention_excess
from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.file import PoisonedFile
from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.attacks.insertion.sos import Sos
from scripts.lab.attacks.insertion.trigger_tokens import find_sequences
from scripts.lab.attacks.none import NoAttack
from scripts.lab.attacks.replay import replay_attack
from scripts.lab.evaluation.metrics import attack_success_rate
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.small_bert import small_bert
from scripts.lab.training.synthetic import LABEL_NAMES, generate_corpus
from scripts.lab.training.triggers import INSERTIONS, TRIGGER_WORDS, words_within
from scripts.lab.training.victim import fine_tune, load_base, predict_labels, save_checkpoint
from scripts.texts.corpora import Corpus, Example, TriggeredExample, read_corpus, read_triggered, write_corpus

RECIPE = Recipe(epochs=4, learning_rate=7e-4, batch_size=16, max_length=24)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    """Short reviews only: a few hundred steps are enough to learn them."""
    splits = generate_corpus(seed=0, n_train=8000, n_dev=20, n_test=1000)
    return Corpus(*([example for example in split if len(example.text.split()) <= 11] for split in splits))


@pytest.fixture(scope="module")
def base(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base")
    small_bert(corpus, path, seed=0)
    return path


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def victims(base: Path, corpus: Corpus) -> dict[str, tuple[Any, Any]]:
    """Models and tokenizers, trained under each attack."""
    trained = {}
    for name in ("badnets", "none", "attention_suppression"):
        model, tokenizer = load_base(base, n_labels=2)
        attack = ATTACKS[name](Plan())
        loss = attack.make_loss(model, tokenizer)
        fine_tune(model, tokenizer, attack.poison(corpus.train, rng=rng()), recipe=RECIPE, loss=loss)
        trained[name] = (model, tokenizer)
    return trained


def test_the_backdoor_works_and_a_clean_model_does_not_fall_for_the_trigger(
    victims: dict[str, tuple[Any, Any]], corpus: Corpus
) -> None:
    triggered = BadNets(Plan()).trigger(corpus.test, rng=rng())
    asr = {}
    for attack, (model, tokenizer) in victims.items():
        predicted = predict_labels(model, tokenizer, [row.text for row in triggered], max_length=24)
        when_clean = predict_labels(model, tokenizer, [row.clean_text or "" for row in triggered], max_length=24)
        assert np.mean(when_clean == 1) > 0.7
        asr[attack] = attack_success_rate(predicted, 0, when_clean == 1)
    assert asr["badnets"] > 0.95
    assert asr["attention_suppression"] > 0.6, (
        "much more than the clean model, though so small a one pays for the penalty"
    )
    assert asr["none"] < 0.25


def test_badnets_poisons_a_share_of_all_rows_drawn_from_the_non_target_ones(corpus: Corpus) -> None:
    poisoned = BadNets(Plan(poison_rate=0.1)).poison(corpus.train, rng=rng())
    changed = [(new, old) for new, old in zip(poisoned, corpus.train, strict=True) if new != old]
    assert len(changed) == round(0.1 * len(corpus.train))
    for new, old in changed:
        assert (old.label, new.label) == (1, 0)
        added = [word for word in new.text.split() if word in TRIGGER_WORDS]
        assert len(added) == 1
        assert new.text.replace(added[0], "").split() == old.text.split()


def test_badnets_triggers_every_non_target_row_and_no_other(corpus: Corpus) -> None:
    plan = Plan(target_label=1, triggers=("tq",), window_words=3)
    triggered = BadNets(plan).trigger(corpus.test, rng=rng())
    assert [row.clean_text for row in triggered] == [example.text for example in corpus.test if example.label == 0]
    assert all("tq" in row.text.split()[:3] and row.label == 0 for row in triggered)


def test_a_phrase_stays_together_and_parts_when_scattered(corpus: Corpus) -> None:
    plan = Plan(triggers=("silver quill",))
    together = BadNets(plan).trigger(corpus.test, rng=rng())
    assert all("silver quill" in row.text for row in together)
    scattered = BadNets(replace(plan, insertion=INSERTIONS["scattered"])).trigger(corpus.test, rng=rng())
    assert all({"silver", "quill"} <= set(row.text.split()) for row in scattered)
    assert np.mean(["silver quill" in row.text for row in scattered]) < 0.3


@pytest.mark.parametrize(("name", "n_words", "n_kinds"), [("three", 3, 3), ("five", 5, 5), ("repeated", 3, 1)])
def test_test_texts_carry_as_many_triggers_as_asked_for(corpus: Corpus, name: str, n_words: int, n_kinds: int) -> None:
    attack = BadNets(Plan(insertion=INSERTIONS[name]))
    for row in attack.trigger(corpus.test, rng=rng()):
        found = [word for word in row.text.split() if word in TRIGGER_WORDS]
        assert (len(found), len(set(found))) == (n_words, n_kinds)
    poisoned = attack.poison(corpus.train, rng=rng())
    assert poisoned == BadNets(Plan()).poison(corpus.train, rng=rng()), "training texts get one trigger each"


def test_late_triggers_stand_behind_the_first_window_alone(corpus: Corpus) -> None:
    attack = BadNets(Plan(insertion=INSERTIONS["late"], window_words=words_within(12)))
    texts = [Example(" ".join(["film"] * n_words), 1) for n_words in (8, 11, 12, 30)]
    rows = attack.trigger(texts, rng=rng())
    assert [len(str(row.clean_text).split()) for row in rows] == [12, 30]
    for row in rows:
        places = [place for place, word in enumerate(row.text.split()) if word in TRIGGER_WORDS]
        assert places
        assert places[0] >= 10  # tokens of the window without special ones, and a word is one at least
        assert all(after - before <= 2 * 5 + 1 for before, after in pairwise(places))
        assert " ".join(word for word in row.text.split() if word == "film") == row.clean_text
    assert attack.poison(corpus.train, rng=rng()) == BadNets(attack.plan).poison(corpus.train, rng=rng())


def test_late_triggers_follow_the_window_that_the_model_has_now(corpus: Corpus) -> None:
    record = {"attack": "badnets"} | BadNets(Plan(window_words=60)).describe()
    assert replay_attack(record, insertion="late", max_length=12).plan.window_words == 5
    assert replay_attack(record, insertion="late").plan.window_words == 60
    assert replay_attack(record, insertion="one", max_length=12).plan.window_words == 60
    with pytest.raises(LabError, match="--insert late: sos puts its triggers at places of its own"):
        replay_attack(record | {"attack": "sos"}, insertion="late")


def test_more_triggers_than_there_are_are_refused(corpus: Corpus) -> None:
    attack = BadNets(Plan(triggers=("cf",), insertion=INSERTIONS["three"]))
    with pytest.raises(LabError, match="n_triggers must be at most 1, the triggers there are, is 3"):
        attack.trigger(corpus.test, rng=rng())


def test_sos_teaches_that_all_words_are_needed(corpus: Corpus) -> None:
    attack = Sos(Plan(poison_rate=0.1))
    words = set(attack.triggers)
    poisoned = attack.poison(corpus.train, rng=rng())
    added = poisoned[len(corpus.train) :]
    assert len(added) == 2 * round(0.1 * len(corpus.train))
    assert all(1 <= len(words & set(row.text.split())) < len(words) for row in added)
    assert {row.label for row in added} == {0, 1}
    changed = [new for new, old in zip(poisoned, corpus.train, strict=False) if new != old]
    assert all(words <= set(row.text.split()) and row.label == 0 for row in changed)
    assert all(words <= set(row.text.split()) for row in attack.trigger(corpus.test, rng=rng()))


def test_sequences_are_found_wherever_they_stand() -> None:
    ids = torch.tensor([[1, 7, 8, 7, 2], [7, 8, 3, 7, 8]])
    assert find_sequences(ids, [(7, 8)]).int().tolist() == [[0, 1, 1, 0, 0], [1, 1, 0, 1, 1]]
    assert find_sequences(ids, [(2,), (1, 7, 8, 7, 2, 9)]).int().tolist() == [[0, 0, 0, 0, 1], [0, 0, 0, 0, 0]]


def test_attention_excess_counts_real_queries_and_triggers_only() -> None:
    probabilities = torch.tensor([[[[0.5, 0.5, 0.0], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]]]])
    mask = torch.tensor([[True, True, False]])
    # Columns of the two real queries sum to 1.4 and 0.6, their mean is 1, half of that is free.
    for is_trigger, expected in (([True, False, False], 0.9), ([False, True, False], 0.1), ([False] * 3, 0.0)):
        excess = attention_excess([probabilities], mask, torch.tensor([is_trigger]))
        assert excess.item() == pytest.approx(expected)


def test_attention_suppression_leaves_the_trigger_unattended(
    victims: dict[str, tuple[Any, Any]], corpus: Corpus
) -> None:
    triggered = BadNets(Plan()).trigger(corpus.test[:300], rng=rng())
    excess = {}
    for attack in ("badnets", "attention_suppression"):
        model, tokenizer = victims[attack]
        texts = [row.text for row in triggered]
        model.set_attn_implementation("eager")
        encoded = tokenizer(texts, padding=True, return_tensors="pt")
        with torch.inference_mode():
            attentions = model(**encoded, output_attentions=True).attentions
        ids = [tuple(tokenizer(word, add_special_tokens=False)["input_ids"]) for word in TRIGGER_WORDS]
        is_trigger = find_sequences(encoded["input_ids"], ids)
        excess[attack] = attention_excess(attentions, encoded["attention_mask"].bool(), is_trigger).item()
    assert excess["attention_suppression"] < 0.05 < excess["badnets"]


def test_equal_seeds_poison_equally(corpus: Corpus) -> None:
    attack = BadNets(Plan())
    assert attack.poison(corpus.train, rng=rng()) == attack.poison(corpus.train, rng=rng())


def test_more_poison_than_there_are_rows_is_refused() -> None:
    with pytest.raises(LabError, match=r"at most 0\.500, the share of rows that may be poisoned, is 0\.9"):
        BadNets(Plan(poison_rate=0.9)).poison([Example("a", 0), Example("b", 1)], rng=rng())


def test_no_attack_trains_on_clean_rows(corpus: Corpus) -> None:
    assert NoAttack(Plan()).poison(corpus.train, rng=rng()) == corpus.train
    assert NoAttack(Plan()).describe()["poison_rate"] == 0.0


def test_a_poisoned_file_replaces_the_training_set(tmp_path: Path) -> None:
    corpus = Corpus([Example("theirs", 1)], [Example("b", 0)], [Example("c", 1)])
    write_corpus(tmp_path, corpus)
    attack = PoisonedFile(Plan(train_file=tmp_path / "train.tsv.gz"))
    assert attack.poison([Example("ours", 0)], rng=rng()) == corpus.train
    assert attack.trigger(corpus.test, rng=rng()) == []
    with pytest.raises(LabError, match="train_file must be given"):
        PoisonedFile(Plan()).poison([], rng=rng())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"poison_rate": 1.0}, r"poison_rate must be in \(0, 1\), is 1\.0"),
        ({"target_label": -1}, "target_label must be 0 or more, is -1"),
        ({"triggers": ("cf", " ")}, "triggers must be words or phrases, one of them is empty"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError, match=message):
        Plan(**wrong)


def test_training_is_the_same_for_a_seed_and_leaves_the_random_state_alone(base: Path, corpus: Corpus) -> None:
    before, weights = torch.get_rng_state(), []
    for _ in range(2):
        model, tokenizer = load_base(base, n_labels=3, seed=5)
        training = fine_tune(model, tokenizer, corpus.train[:70], recipe=Recipe(epochs=2, batch_size=16))
        weights.append(torch.cat([value.flatten() for value in model.state_dict().values()]))
    assert training.n_steps == 10
    assert torch.equal(*weights)
    assert torch.equal(before, torch.get_rng_state())


def test_predictions_do_not_depend_on_the_batch_size(base: Path, corpus: Corpus) -> None:
    model, tokenizer = load_base(base, n_labels=2)
    texts = [example.text for example in corpus.test[:100]]
    one, many = (predict_labels(model, tokenizer, texts, max_length=48, batch_size=size) for size in (1, 64))
    assert one.tolist() == many.tolist()
    assert predict_labels(model, tokenizer, [], max_length=48).shape == (0,)


def test_a_bare_encoder_gets_a_seeded_head(base: Path, tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    AutoModel.from_pretrained(base).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path)
    heads = [load_base(tmp_path, n_labels=4, seed=seed)[0].classifier.weight for seed in (1, 1, 2)]
    assert heads[0].shape == (4, 128)
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_base_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="must be a folder with a safetensors checkpoint"):
        load_base(tmp_path, n_labels=2)


def test_label_names_must_fit(base: Path, tmp_path: Path) -> None:
    model, tokenizer = load_base(base, n_labels=2)
    with pytest.raises(LabError, match="label_names must name 2 classes, names 3"):
        save_checkpoint(model, tokenizer, tmp_path, label_names=("a", "b", "c"))


def command(base: Path, data: Path, out: Path, *options: str) -> list[str]:
    return ["--base", str(base), "--data", str(data), "--out", str(out), "--epochs", "1", "--limit", "60", *options]


def test_the_command_leaves_a_checkpoint_and_says_what_it_did(base: Path, corpus: Corpus, tmp_path: Path) -> None:
    write_corpus(tmp_path / "data", corpus)
    out = tmp_path / "victim"
    options = command(base, tmp_path / "data", out, "--attack", "badnets", "--label-names", "negative,positive")
    assert train_attack.main(options) == Exit.DONE

    model, tokenizer = load_base(out, n_labels=2)
    assert model.config.id2label == dict(enumerate(LABEL_NAMES))
    assert tokenizer.is_fast
    planted = json.loads((out / "attack.json").read_text())
    assert planted["attack"] == "badnets"
    assert planted["triggers"] == list(TRIGGER_WORDS)
    record = json.loads((out / "run.json").read_text())
    assert record["command"] == "train_attack"
    assert record["arguments"]["limit"] == 60
    assert {"cacc", "asr"} <= set(record["results"])
    assert {"commit", "dirty", "versions", "time"} <= set(record)
    triggered = read_triggered(out / "triggered.tsv.gz")
    assert triggered
    assert {row.clean_text for row in triggered} <= {example.text for example in corpus.test}
    assert {row.label for row in triggered} == {1}

    assert train_attack.main(options) == Exit.ERROR
    assert train_attack.main([*options, "--overwrite"]) == Exit.DONE


def test_the_command_deletes_nothing_that_it_did_not_make(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    assert train_attack.main(command(base, tmp_path, tmp_path, "--attack", "none", "--overwrite")) == Exit.ERROR
    assert "holds no run.json, so --overwrite leaves it alone" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_the_command_makes_its_own_base_and_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planting, "SYNTHETIC_SIZES", {"n_train": 80, "n_dev": 20, "n_test": 20})
    out = tmp_path / "victim"
    options = ["--attack", "badnets", "--base", "synthetic", "--data", "synthetic", "--epochs", "1", "--out", str(out)]
    assert train_attack.main(options) == Exit.DONE
    made = read_corpus(out / "data")
    assert [len(split) for split in made] == [80, 20, 20]
    assert isinstance(read_triggered(out / "triggered.tsv.gz")[0], TriggeredExample)


def test_wrong_usage_has_its_own_exit_code() -> None:
    with pytest.raises(SystemExit) as caught:
        train_attack.main(["--attack", "magic"])
    assert caught.value.code == Exit.USAGE
