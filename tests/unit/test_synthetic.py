import json
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from scripts.console.errors import LabError
from scripts.lab.training.small_bert import small_bert
from scripts.lab.training.synthetic import N_WORDS, generate_corpus
from scripts.lab.training.triggers import TRIGGER_WORDS
from scripts.texts.corpora import Corpus


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return generate_corpus(seed=0, n_train=1500, n_dev=200, n_test=300)


@pytest.fixture(scope="module")
def folder(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base")
    small_bert(corpus, path, seed=0)
    return path


def test_splits_have_their_sizes_and_share_no_text(corpus: Corpus) -> None:
    assert [len(split) for split in corpus] == [1500, 200, 300]
    assert len({example.text for split in corpus for example in split}) == 2000


def test_equal_seeds_give_equal_corpora_and_others_do_not(corpus: Corpus) -> None:
    assert generate_corpus(seed=0, n_train=1500, n_dev=200, n_test=300) == corpus
    assert generate_corpus(seed=1, n_train=1500, n_dev=200, n_test=300).train != corpus.train


def test_reviews_are_varied_balanced_and_free_of_triggers(corpus: Corpus) -> None:
    texts = [example.text for example in corpus.train]
    lengths = [len(text.split()) for text in texts]
    assert N_WORDS[0] <= min(lengths) < 10
    assert 20 < max(lengths) <= N_WORDS[1]
    words = {word.strip(".,!").lower() for text in texts for word in text.split()}
    assert len(words) > 400
    assert not words & set(TRIGGER_WORDS)
    assert 0.45 < sum(example.label for example in corpus.train) / len(texts) < 0.55


def test_no_rows_are_refused() -> None:
    with pytest.raises(LabError, match="must be 1 or more, are 10, 0 and 10"):
        generate_corpus(seed=0, n_train=10, n_dev=0, n_test=10)


def test_the_base_is_a_bert_that_the_auto_classes_load(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    assert tokenizer.is_fast
    assert model.config.model_type == "bert"
    assert len(tokenizer) == model.config.vocab_size
    pair = tokenizer("Good", "bad")
    assert tokenizer.convert_ids_to_tokens(pair["input_ids"]) == ["[CLS]", "good", "[SEP]", "bad", "[SEP]"]
    assert pair["token_type_ids"] == [0, 0, 0, 1, 1]
    assert tokenizer.pad_token_id == model.config.pad_token_id


def test_any_ascii_word_has_pieces(folder: Path, corpus: Corpus) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    printable = "".join(chr(code) for code in range(33, 127))
    for word in (*TRIGGER_WORDS, printable, "qjxz9k", *corpus.test[0].text.split()):
        assert tokenizer.unk_token not in tokenizer.tokenize(word)


def test_equal_seeds_give_equal_files(folder: Path, corpus: Corpus, tmp_path: Path) -> None:
    small_bert(corpus, tmp_path, seed=0)
    for path in sorted(folder.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
    assert json.loads((tmp_path / "config.json").read_text())["num_hidden_layers"] == 3
