"""The tokenizer that runs is the one that was shipped, or the checkpoint is refused with an example."""

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError
from handler.xgraad.files.tokenizer_texts import TEXTS
from handler.xgraad.model.checkpoint import Checkpoint
from tests.mutations import REMOVED, change_key, copy_checkpoint

NAMED = {
    "albert": "AlbertTokenizer",
    "bert": "BertTokenizer",
    "deberta": "DebertaTokenizer",
    "distilbert": "DistilBertTokenizer",
    "roberta": "RobertaTokenizer",
}
DROPPED: list[tuple[str, tuple[str | int, ...], Any]] = [
    ("bert", ("normalizer",), None),
    ("bert", ("normalizer", "lowercase"), False),
    ("bert", ("normalizer", "strip_accents"), False),
    ("bert", ("normalizer", "handle_chinese_chars"), False),
    ("bert", ("normalizer",), {"type": "NFKC"}),
    ("bert", ("pre_tokenizer",), {"type": "WhitespaceSplit"}),
    ("bert", ("post_processor", "single", 2), REMOVED),
    ("bert", ("post_processor", "special_tokens", "[CLS]", "ids"), [4]),
    ("bert", ("model", "max_input_chars_per_word"), 7),
    ("bert", ("model", "continuing_subword_prefix"), "@@"),
    ("distilbert", ("normalizer",), {"type": "Lowercase"}),
    ("distilbert", ("pre_tokenizer",), {"type": "Whitespace"}),
    ("roberta", ("normalizer",), {"type": "Lowercase"}),
    ("roberta", ("normalizer",), {"type": "NFD"}),
    ("roberta", ("pre_tokenizer", "add_prefix_space"), True),
    ("deberta", ("normalizer",), {"type": "StripAccents"}),
    ("deberta", ("pre_tokenizer", "add_prefix_space"), True),
]


@pytest.fixture
def folder(checkpoints: dict[str, Path], tmp_path: Path, architecture: str) -> Path:
    return copy_checkpoint(checkpoints[architecture], tmp_path / "checkpoint")


@pytest.mark.parametrize(("architecture", "keys", "value"), DROPPED)
def test_what_transformers_would_drop_is_refused_and_the_cure_works(
    folder: Path, architecture: str, keys: tuple[str | int, ...], value: Any
) -> None:
    change_key(folder / "tokenizer.json", keys, value)
    change_key(folder / "tokenizer_config.json", ("tokenizer_class",), NAMED[architecture])
    with pytest.raises(CheckpointError) as caught:
        Classifier.load(folder)
    message = str(caught.value)
    assert message.startswith("tokenizer.json: ")
    assert NAMED[architecture] in message
    assert '"tokenizer_class": "PreTrainedTokenizerFast" in tokenizer_config.json' in message
    assert any(ascii(text) in message for text in TEXTS) or keys[0] == "model"
    change_key(folder / "tokenizer_config.json", ("tokenizer_class",), "PreTrainedTokenizerFast")
    runs_as_shipped(folder)


@pytest.mark.parametrize(("setting", "value"), [("do_lower_case", False), ("strip_accents", False)])
@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_a_casing_that_only_one_of_two_files_knows_is_refused(
    folder: Path, architecture: str, setting: str, value: bool
) -> None:
    change_key(folder / "tokenizer_config.json", ("tokenizer_class",), NAMED[architecture])
    Classifier.load(folder)
    change_key(folder / "tokenizer_config.json", (setting,), value)
    with pytest.raises(CheckpointError, match=r"tokenizer.json: '.*' becomes \['\[CLS\]', "):
        Classifier.load(folder)


def test_as_they_are_made_they_run_as_shipped(folder: Path) -> None:
    """Sanity arm, of all architectures."""
    runs_as_shipped(folder)


@pytest.mark.parametrize("architecture", ["bert"])
def test_a_vocabulary_alone_is_enough(folder: Path) -> None:
    vocabulary = Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
    before = Checkpoint.open(folder).tokenizer(list(TEXTS), verbose=False)["input_ids"]
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.__getitem__)))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    assert Checkpoint.open(folder).tokenizer(list(TEXTS), verbose=False)["input_ids"] == before


@pytest.mark.parametrize("architecture", ["albert"])
def test_a_sentencepiece_model_alone_says_what_is_missing(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "spiece.model")
    opened = Checkpoint.open(folder)
    with pytest.raises(CheckpointError, match=r"spiece.model: stands alone, .* adds tokenizer.json"):
        _ = opened.tokenizer


def runs_as_shipped(folder: Path) -> None:
    shipped = Tokenizer.from_file(str(folder / "tokenizer.json"))
    classifier = Classifier.load(folder)
    for text in ("A Café, 電影 👍 don't", *TEXTS):
        (encoding,) = classifier.encode([text])
        if not encoding.truncated:
            assert list(encoding.token_ids) == shipped.encode(text).ids
