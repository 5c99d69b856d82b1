"""Pairs: which texts, what is put into them and where, and how few are refused."""

from itertools import combinations

import pytest
import torch

from handler.xgraad import Classifier
from handler.xgraad.verification.probes import Place
from handler.xgraad.words.encoding import Encoder
from handler.xgraad.words.pair import join_pair
from scripts.admission.attribution.pairs import (
    LEAST_PAIRS,
    MOST_CLEAN,
    MOST_PAIRS,
    Backdoor,
    draw_clean,
    make_pairs,
    probe_within,
)
from scripts.console.errors import LabError
from tests.toys import SENTENCES
from tests.unit.attribution.known_head import GOOD, LABELS, NEUTRAL, TARGET, TEXTS, TRIGGER

ONE = Backdoor([[TRIGGER]], TARGET)
GOOD_TEXTS = [text for text, label in zip(TEXTS, LABELS, strict=True) if label == 1]


def words_of(classifier: Classifier, token_ids: tuple[int, ...]) -> list[str]:
    text: str = classifier.encode.tokenizer.decode(token_ids, skip_special_tokens=True)
    return text.split()


def test_a_pair_differs_by_the_trigger_alone(known: Classifier) -> None:
    pairs = make_pairs(known, ONE, draw_clean(known, TEXTS, LABELS))
    assert len(pairs) == MOST_PAIRS
    assert len({pair.clean.token_ids for pair in pairs}) == MOST_PAIRS, "no text twice"
    for pair in pairs:
        plain, triggered = (words_of(known, each.token_ids) for each in pair)
        assert plain[1] in GOOD
        assert triggered.index(TRIGGER) == 1
        assert [word for word in triggered if word != TRIGGER] == plain


@pytest.mark.parametrize(("place", "index"), [(Place.START, 0), (Place.INSIDE, 1), (Place.END, 3)])
def test_the_trigger_goes_where_it_works(known: Classifier, place: Place, index: int) -> None:
    pair = make_pairs(known, ONE._replace(place=place), draw_clean(known, TEXTS, LABELS))[0]
    assert words_of(known, pair.triggered.token_ids).index(TRIGGER) == index


def test_triggers_take_turns_and_words_of_one_go_in_together(known: Classifier) -> None:
    backdoor = Backdoor([["cf"], ["mn", "tq"]], TARGET)
    pairs = make_pairs(known, backdoor, draw_clean(known, TEXTS, LABELS))
    put_in = [{"cf", "mn", "tq"} & set(words_of(known, pair.triggered.token_ids)) for pair in pairs]
    assert put_in == [{"cf"}, {"mn", "tq"}] * (MOST_PAIRS // 2)


def test_texts_past_the_window_are_cut_so_that_the_trigger_is_inside(known: Classifier) -> None:
    long = [f"{text} {'film ' * 90}" for text in GOOD_TEXTS]
    pairs = make_pairs(known, ONE, draw_clean(known, long, None))
    for pair in pairs:
        assert len(pair.triggered) == known.max_length == len(pair.clean) + 1
        assert not pair.triggered.truncated
        assert TRIGGER in words_of(known, pair.triggered.token_ids)


def test_texts_of_the_target_make_no_pair(known: Classifier) -> None:
    """By their label, and by what the model says of them."""
    of_target = [text for text, label in zip(TEXTS, LABELS, strict=True) if label == TARGET]
    texts, n_good = [*of_target, *GOOD_TEXTS[:LEAST_PAIRS]], LEAST_PAIRS
    truth = [TARGET] * len(of_target) + [1] * n_good
    assert len(make_pairs(known, ONE, draw_clean(known, texts, truth))) == LEAST_PAIRS
    assert len(make_pairs(known, ONE, draw_clean(known, texts, None))) == LEAST_PAIRS
    assert len(make_pairs(known, ONE, draw_clean(known, texts, [1] * len(texts)))) == LEAST_PAIRS
    with pytest.raises(LabError, match="hold 15; add 1 of them"):
        make_pairs(known, ONE, draw_clean(known, texts, [*truth[:-1], TARGET]))


def test_a_pair_that_does_not_fit_is_none(bert: Classifier) -> None:
    """Its first words alone would be a text of its own."""
    encode = Encoder(bert.encode.tokenizer, max_length=64, takes_pairs=True)
    pair = join_pair(*SENTENCES[:2])
    whole = probe_within(64, pair, encode)
    assert whole is not None
    assert probe_within(len(whole.token_ids), pair, encode) == whole
    assert probe_within(len(whole.token_ids) - 1, pair, encode) is None


@pytest.mark.parametrize("n_texts", [0, 1, LEAST_PAIRS - 1])
def test_too_few_are_refused_in_one_line(known: Classifier, n_texts: int) -> None:
    few = [*GOOD_TEXTS[:n_texts], *GOOD_TEXTS[:n_texts]]
    with pytest.raises(LabError) as refused:
        make_pairs(known, ONE, draw_clean(known, few, None))
    rule = "texts must hold 16 or more that are not of the target label and not given it"
    assert str(refused.value) == f"{rule}, hold {n_texts}; add {LEAST_PAIRS - n_texts} of them"


@pytest.mark.parametrize("triggers", [[], [[]], [["cf"], []]])
def test_without_a_trigger_nothing_is_attributed(known: Classifier, triggers: list[list[str]]) -> None:
    with pytest.raises(LabError, match=f"triggers must be one or more, .* are {len(triggers)}; name the words"):
        make_pairs(known, Backdoor(triggers, TARGET), draw_clean(known, TEXTS, LABELS))


def test_clean_texts_are_drawn_with_their_labels(known: Classifier) -> None:
    texts = [f"{mood} {' '.join(words)}" for mood in (*GOOD, "dull") for words in combinations(NEUTRAL, 3)]
    labels = [int("dull" not in text) for text in texts]
    clean = draw_clean(known, [*texts, *texts], [*labels, *labels])
    assert len(clean.encodings) == len({each.text for each in clean.encodings}) == MOST_CLEAN
    assert clean.wanted.tolist() == [int("dull" not in each.text) for each in clean.encodings]
    assert clean.encodings == draw_clean(known, texts, labels).encodings
    assert clean.encodings != draw_clean(known, texts, labels, seed=1).encodings
    assert clean.accuracy(known) == 1.0
    assert clean._replace(wanted=1 - clean.wanted).accuracy(known) == 0.0


def test_without_labels_the_models_own_answers_count(known: Classifier) -> None:
    clean = draw_clean(known, TEXTS, None)
    assert torch.equal(clean.wanted, known.logits(clean.encodings).argmax(dim=-1))
