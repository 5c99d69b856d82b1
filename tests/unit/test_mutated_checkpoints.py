"""One thing changed in one file of a checkpoint: refused in one line, or served with the plain model's logits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mutations import REMOVED, change_key, copy_checkpoint, refusal_or_plain_logits
from tests.toys import ARCHITECTURES, make_checkpoint

CONFIG, SETTINGS, TOKENIZER = "config.json", "tokenizer_config.json", "tokenizer.json"
NAMED = {
    "albert": "AlbertTokenizer",
    "bert": "BertTokenizer",
    "deberta": "DebertaTokenizer",
    "distilbert": "DistilBertTokenizer",
    "roberta": "RobertaTokenizer",
}
SERVED = None


class Mutation(NamedTuple):
    """A change, and the words of the refusal; none where the checkpoint is served."""

    architecture: str
    file: str
    keys: tuple[str | int, ...]
    value: Any
    refusal: str | None


MUTATIONS = [
    Mutation("bert", CONFIG, ("model_type",), REMOVED, "model_type must be one of"),
    Mutation("bert", CONFIG, ("architectures",), REMOVED, SERVED),
    Mutation("bert", CONFIG, ("architectures",), ["BertForMultiLabel"], "architectures must be ['BertForSequenceCl"),
    Mutation("bert", CONFIG, ("architectures",), "BertForSequenceClassification", "architectures must be"),
    Mutation("bert", CONFIG, ("hidden_size",), REMOVED, "is of shape"),
    Mutation("bert", CONFIG, ("hidden_size",), None, "hidden_size must be a whole number from 1 to 65536, is None"),
    Mutation("bert", CONFIG, ("hidden_size",), 10**9, "hidden_size must be a whole number"),
    Mutation("bert", CONFIG, ("num_hidden_layers",), -1, "num_hidden_layers must be a whole number"),
    Mutation("bert", CONFIG, ("num_hidden_layers",), True, "num_hidden_layers must be a whole number"),
    Mutation("bert", CONFIG, ("num_hidden_layers",), 1, "which config.json has no place for"),
    Mutation("bert", CONFIG, ("num_attention_heads",), 5, "5 attention heads do not divide a hidden_size of 32"),
    Mutation("bert", CONFIG, ("num_attention_heads",), 2, SERVED),
    Mutation("bert", CONFIG, ("num_attention_heads",), REMOVED, "12 attention heads do not divide"),
    Mutation("bert", CONFIG, ("intermediate_size",), "48", "intermediate_size must be a whole number"),
    Mutation("bert", CONFIG, ("vocab_size",), 400, "vocab_size is 400, but the embedding table of the weights has 333"),
    Mutation("bert", CONFIG, ("vocab_size",), 100, "knows 333 tokens, the last"),
    Mutation("bert", CONFIG, ("vocab_size",), REMOVED, "knows 333 tokens, but the embedding table has 30522 rows"),
    Mutation("bert", CONFIG, ("max_position_embeddings",), 5, "leaves room for 5 tokens"),
    Mutation("bert", CONFIG, ("max_position_embeddings",), 512, "is of shape [66, 32], config.json makes it [512, 32]"),
    Mutation("bert", CONFIG, ("type_vocab_size",), 0, "is of shape [2, 32], config.json makes it [0, 32]"),
    Mutation("bert", CONFIG, ("hidden_act",), "nonsense", "hidden_act must be the name of an activation function"),
    Mutation("bert", CONFIG, ("hidden_act",), "relu", SERVED),
    Mutation("bert", CONFIG, ("layer_norm_eps",), float("nan"), "layer_norm_eps must be a number above 0"),
    Mutation("bert", CONFIG, ("layer_norm_eps",), 0.5, SERVED),
    Mutation("bert", CONFIG, ("hidden_dropout_prob",), 7, "hidden_dropout_prob must be a number from 0 to 1, is 7"),
    Mutation("bert", CONFIG, ("hidden_dropout_prob",), 1.0, SERVED),
    Mutation("bert", CONFIG, ("pad_token_id",), 10**6, "pad_token_id must be below vocab_size"),
    Mutation("bert", CONFIG, ("pad_token_id",), None, SERVED),
    Mutation("bert", CONFIG, ("dtype",), "int8", "dtype must be one of float32"),
    Mutation("bert", CONFIG, ("dtype",), REMOVED, SERVED),
    Mutation("bert", CONFIG, ("is_decoder",), True, "is_decoder must be False or absent, is True"),
    Mutation("bert", CONFIG, ("is_causal",), True, "is_causal must be False or absent, is True"),
    Mutation("bert", CONFIG, ("add_cross_attention",), True, "add_cross_attention must be False or absent"),
    Mutation("bert", CONFIG, ("chunk_size_feed_forward",), 2, "chunk_size_feed_forward must be 0 or absent"),
    Mutation("bert", CONFIG, ("return_dict",), False, "return_dict must be True or absent"),
    Mutation(
        "bert", CONFIG, ("position_embedding_type",), "relative_key", "position_embedding_type must be 'absolute'"
    ),
    Mutation("bert", CONFIG, ("position_embedding_type",), "absolute", SERVED),
    Mutation("bert", CONFIG, ("sliding_window",), 4, "sliding_window must be None or absent"),
    Mutation("bert", CONFIG, ("transformers_weights",), "other.safetensors", "transformers_weights must be None"),
    Mutation("bert", CONFIG, ("to_dict",), 5, "'to_dict' is no setting"),
    Mutation("bert", CONFIG, ("finetuning_task",), {"name": "sst-2"}, SERVED),
    Mutation(
        "bert", CONFIG, ("num_labels",), 3, "id2label names 3 classes (two where it is absent), but classifier.weight"
    ),
    Mutation("bert", CONFIG, ("num_labels",), 1, "num_labels must be a whole number from 2"),
    Mutation("bert", CONFIG, ("id2label",), {"0": "A", "1": "B", "2": "C"}, "names 3 classes"),
    Mutation("bert", CONFIG, ("id2label",), {"0": "A"}, "id2label names 1 class, so the model has one output"),
    Mutation("bert", CONFIG, ("id2label",), {"0": "bad", "1": "good"}, SERVED),
    Mutation("bert", CONFIG, ("transformers_version",), 5, SERVED),
    Mutation("distilbert", CONFIG, ("sinusoidal_pos_embds",), True, SERVED),
    Mutation("distilbert", CONFIG, ("activation",), None, "activation must be the name of"),
    Mutation("roberta", CONFIG, ("pad_token_id",), None, "pad_token_id is null, but positions are counted from it"),
    Mutation("roberta", CONFIG, ("pad_token_id",), 5, "pad_token_id is 5, the tokenizer's is 1"),
    Mutation("albert", CONFIG, ("inner_group_num",), 2, "inner_group_num must be 1 or absent, is 2"),
    Mutation("deberta", CONFIG, ("pos_att_type",), ["p2p"], "pos_att_type must be null or of c2p and p2c"),
    Mutation("deberta", CONFIG, ("pos_att_type",), "c2p|p2c", SERVED),
    Mutation("deberta", CONFIG, ("pos_att_type",), ["c2p"], "which config.json has no place for"),
    Mutation("deberta", CONFIG, ("relative_attention",), False, "which config.json has no place for"),
    Mutation("bert", SETTINGS, ("pad_token",), REMOVED, "pad_token is missing"),
    Mutation("bert", SETTINGS, ("pad_token",), "[NEW]", "knows 334 tokens, the last '[NEW]'"),
    Mutation("bert", SETTINGS, ("pad_token",), "the", "the added token 'the' is another in tokenizer.json, or none"),
    Mutation("bert", SETTINGS, ("model_max_length",), 3, "model_max_length must be a number from 8, is 3"),
    Mutation("bert", SETTINGS, ("model_max_length",), 1e30, SERVED),
    Mutation("bert", SETTINGS, ("model_max_length",), "many", "model_max_length must be a number"),
    Mutation("bert", SETTINGS, ("padding_side",), "left", "padding_side must be 'right', is 'left'"),
    Mutation("bert", SETTINGS, ("truncation_side",), "left", SERVED),
    Mutation("bert", SETTINGS, ("tokenizer_class",), "NoSuchTokenizer", SERVED),
    Mutation("bert", SETTINGS, ("tokenizer_class",), 5, "tokenizer.json: does not load"),
    Mutation("bert", SETTINGS, ("extra_special_tokens",), ["<one>", "<two>"], "knows 335 tokens, the last '<two>'"),
    Mutation("bert", TOKENIZER, ("model", "vocab"), {}, "tokenizer.json"),
    Mutation("bert", TOKENIZER, ("model", "unk_token"), "[NONE]", "cannot encode"),
    Mutation("bert", TOKENIZER, ("post_processor",), None, "must put a special token before a text"),
    Mutation("bert", TOKENIZER, ("post_processor", "special_tokens"), {}, "puts '[CLS]' into each text"),
    Mutation(
        "bert", TOKENIZER, ("post_processor", "special_tokens", "[CLS]", "ids"), [9999], "post_processor adds a token"
    ),
    Mutation("bert", TOKENIZER, ("post_processor", "single", 1, "Sequence", "type_id"), 1, "another token type than 0"),
    Mutation("bert", TOKENIZER, ("added_tokens",), REMOVED, "tokenizer.json: does not load"),
    Mutation("bert", TOKENIZER, ("normalizer",), {"type": "Nonsense"}, "tokenizer.json: does not load"),
    Mutation("bert", TOKENIZER, ("normalizer",), {"type": "Lowercase"}, SERVED),
    Mutation("roberta", TOKENIZER, ("model", "dropout"), 0.3, "model.dropout must be null or 0"),
]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoints whose tokenizer runs as tokenizer.json has it, and others of a class that builds its own."""
    top = tmp_path_factory.mktemp("originals")
    folders = {name: make_checkpoint(top / name, name) for name in ARCHITECTURES}
    for name, tokenizer_class in NAMED.items():
        folder = copy_checkpoint(folders[name], top / f"{name} named")
        change_key(folder / SETTINGS, ("tokenizer_class",), tokenizer_class)
        folders[f"{name} named"] = folder
    return folders


@pytest.mark.parametrize(
    "mutation", MUTATIONS, ids=lambda each: f"{each.architecture}-{each.keys[-1]}-{each.value!a:.20}"
)
def test_refused_in_one_line_or_served_as_is(originals: dict[str, Path], tmp_path: Path, mutation: Mutation) -> None:
    folder = copy_checkpoint(originals[mutation.architecture], tmp_path / "mutated")
    change_key(folder / mutation.file, mutation.keys, mutation.value)
    message = refusal_or_plain_logits(folder)
    assert message == mutation.refusal if mutation.refusal is None else mutation.refusal in str(message)


def test_the_originals_are_served(originals: dict[str, Path]) -> None:
    """Sanity arm: it is the mutation for which the others are refused."""
    for name in ARCHITECTURES:
        assert refusal_or_plain_logits(originals[name]) is None, name


json_values = st.one_of(
    st.just(REMOVED),
    st.none(),
    st.booleans(),
    st.integers(-3, 70),
    st.sampled_from([10**6, 10**12, -(10**12)]),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["right", "left", "gelu", "float16", "BertTokenizer", "the", "[UNK]", "absolute"]),
    st.lists(st.text(max_size=4), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(-1, 3), max_size=2),
)
UNUSUAL = {
    CONFIG: ["is_decoder", "is_causal", "layer_types", "return_dict", "output_attentions", "rope_scaling", "num_labels",
             "label2id", "id2label", "problem_type", "attribute_map", "torch_dtype", "chunk_size_feed_forward"],
    SETTINGS: ["do_lower_case", "strip_accents", "add_prefix_space", "extra_special_tokens", "added_tokens_decoder",
               "split_special_tokens", "model_input_names", "padding_side", "truncation_side", "init_inputs", "vocab"],
    "special_tokens_map.json": ["pad_token", "cls_token", "unk_token", "additional_special_tokens"],
    "added_tokens.json": ["covid", "the"],
    TOKENIZER: [],
}  # fmt: skip


def places(content: Any, depth: int = 5) -> Iterator[tuple[str | int, ...]]:
    """Where something stands in a JSON document, of large collections the first few."""
    entries = list(content.items() if isinstance(content, dict) else enumerate(content))[:9]
    for key, value in entries:
        yield (key,)
        if depth and isinstance(value, dict | list):
            yield from ((key, *rest) for rest in places(value, depth - 1))


@st.composite
def mutations(draw: st.DrawFn, files: list[str]) -> tuple[str, str, int, Any, str]:
    """Architecture, file, a number that picks the place, the new value, and a key that is seldom there."""
    name = draw(st.sampled_from(files))
    kind = draw(st.sampled_from([*ARCHITECTURES, *(f"{each} named" for each in ARCHITECTURES)]))
    return kind, name, draw(st.integers(0, 10**6)), draw(json_values), draw(st.sampled_from([*UNUSUAL[name], ""]))


def mutate(originals: dict[str, Path], target: Path, mutation: tuple[str, str, int, Any, str]) -> Path:
    kind, name, number, value, unusual = mutation
    folder = copy_checkpoint(originals[kind], target)
    if not (folder / name).exists():
        (folder / name).write_text("{}")
    found = [*places(json.loads((folder / name).read_text())), ()]
    keys = (unusual,) if unusual and (number % 2 or not found[0]) else found[number % len(found)]
    if keys:
        change_key(folder / name, keys, value)
    return folder


@settings(max_examples=25)
@given(mutation=mutations([CONFIG]))
def test_any_configuration(
    originals: dict[str, Path], tmp_path: Path, mutation: tuple[str, str, int, Any, str]
) -> None:
    refusal_or_plain_logits(mutate(originals, tmp_path / "mutated", mutation))


@settings(max_examples=40)
@given(mutation=mutations([SETTINGS, TOKENIZER, TOKENIZER, "special_tokens_map.json", "added_tokens.json"]))
def test_any_tokenizer(originals: dict[str, Path], tmp_path: Path, mutation: tuple[str, str, int, Any, str]) -> None:
    refusal_or_plain_logits(mutate(originals, tmp_path / "mutated", mutation))
