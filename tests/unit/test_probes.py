"""Words go into probes as tokens: the same tokens as if the text had been written with them."""

import pytest
import torch

from handler.xgraad import Classifier
from handler.xgraad.verification.probes import (
    Piece,
    Place,
    Probe,
    choose_rows,
    choose_short,
    make_probe,
    make_probes,
    place_of,
)
from handler.xgraad.words.encoding import Encoder
from handler.xgraad.words.text import split_words
from tests.languages import LANGUAGES
from tests.languages import pieces as pieces_tokenizer
from tests.toys import SENTENCES
from tests.unit.rule_based import RuleBased


def probe_of(text: str, classifier: Classifier) -> Probe:
    probe = make_probe(text, classifier.encode)
    assert probe is not None
    return probe


def grafted(text: str, pieces: list[str], place: Place, classifier: Classifier) -> tuple[int, ...]:
    encode = classifier.encode
    ids = probe_of(text, classifier).with_pieces([Piece.of(piece, encode) for piece in pieces], place)
    return encode.with_template(ids).token_ids


def written(text: str, classifier: Classifier) -> tuple[int, ...]:
    (encoding,) = classifier.encode([text])
    return encoding.token_ids


@pytest.mark.parametrize(
    ("text", "pieces", "place", "expected"),
    [
        ("one two, three four", ["cf"], Place.START, "cf one two, three four"),
        ("one two, three four", ["cf"], Place.END, "one two, three four cf"),
        ("one two, three four", ["cf"], Place.INSIDE, "one two, cf three four"),
        ("one two, three four", ["a", "b", "c"], Place.INSIDE, "one a two, b three c four"),
        ("one two, three four", ["a b", "c"], Place.INSIDE, "one a b two, c three four"),
        ("one two .", ["cf"], Place.END, "one two cf ."),
        ("one two...", ["cf"], Place.END, "one two cf..."),
        ("plot", ["cf"], Place.INSIDE, "cf plot"),
        ("plot", ["cf", "mn"], Place.INSIDE, "cf mn plot"),
        ("plot", ["cf", "mn", "bb"], Place.INSIDE, "cf mn bb plot"),
        ("  one  , two ", ["cf"], Place.INSIDE, "one , cf two"),
        ("one well-known four", ["cf", "mn"], Place.INSIDE, "one cf well-known mn four"),
    ],
)  # fmt: skip
def test_pieces_are_put_where_they_stood(
    text: str, pieces: list[str], place: Place, expected: str, bert: Classifier
) -> None:
    assert grafted(text, pieces, place, bert) == written(expected, bert)


@pytest.mark.parametrize("place", Place)
def test_tokens_are_those_of_the_text_with_the_word(classifier: Classifier, place: Place) -> None:
    for text in ("a gripping film that lets go of its audience", "dull, lifeless, and about forty minutes too long"):
        words = split_words(text)
        middle = {Place.START: 0, Place.INSIDE: words[len(words) // 2].start, Place.END: len(text) + 1}[place]
        expected = f"{text} "[:middle] + "cf " + text[middle:]
        assert grafted(text, ["cf"], place, classifier) == written(expected.rstrip(), classifier)


def test_probe_alone_is_the_text(classifier: Classifier) -> None:
    for text in ["a (twice) told plot", *SENTENCES]:
        probe = make_probe(text, classifier.encode)
        if probe is None:
            assert classifier.model.config.model_type == "albert"
            continue
        assert classifier.encode.with_template(probe.token_ids).token_ids == written(text, classifier)
        assert classifier.encode.with_template(probe.with_pieces([], Place.INSIDE)).token_ids == written(
            text, classifier
        )


def test_most_texts_can_be_probes(classifier: Classifier) -> None:
    assert sum(make_probe(text, classifier.encode) is not None for text in SENTENCES) >= 5


def test_window_cuts_the_tail_and_keeps_the_template(classifier: Classifier) -> None:
    short, long = (grafted("plot " * n, ["cf"], Place.START, classifier) for n in (1, 200))
    assert len(long) == classifier.max_length
    assert (long[0], long[-1]) == (short[0], short[-1])
    assert long == written("cf " + "plot " * 200, classifier)
    room = classifier.max_length - 2
    assert [classifier.encode.with_template([9] * n).truncated for n in (room, room + 1)] == [False, True]


def test_texts_without_words_are_no_probes(bert: Classifier) -> None:
    assert [make_probe(text, bert.encode) for text in ("...", "", " ")] == [None, None, None]


def test_place_of() -> None:
    words = split_words("first inside last")
    assert [place_of([word], words) for word in words] == [Place.START, Place.INSIDE, Place.END]
    assert [place_of(run, words) for run in (words[:2], words[1:], words)] == [Place.START, Place.END, Place.START]


def test_probes_are_confident_and_of_usual_length(bert: Classifier) -> None:
    texts = ["so clever", *("a clever and chic film " + "of note " * n for n in range(6)), "dull", "a thin ugly plot"]
    encodings = bert.encode(texts)
    logits = RuleBased(bert, lambda words: False, loud=[]).logits(encodings)
    chosen = choose_rows(encodings, logits, bert.encode)
    bad, good = ([texts[row] for row in rows] for rows in chosen)
    assert "a thin ugly plot" in bad
    assert "so clever" not in good
    assert good
    assert all(logits[row].argmax() == label for label, rows in enumerate(chosen) for row in rows)


def test_texts_that_cannot_be_cut_are_not_chosen(bert: Classifier) -> None:
    encodings = bert.encode(["...", "a plot"])
    assert choose_rows(encodings, torch.tensor([[0.0, 9.0], [0.0, 9.0]]), bert.encode) == ((), (1,))


def test_probes_are_made_of_what_can_be_cut(bert: Classifier) -> None:
    bad, good = make_probes([["...", "a plot"], []], bert.encode)
    assert (bad, good) == ((make_probe("a plot", bert.encode),), ())


def test_a_label_that_is_never_predicted_has_no_probes(bert: Classifier) -> None:
    encodings = bert.encode(["one", "two"])
    assert choose_rows(encodings, torch.tensor([[2.0, 0.0], [3.0, 0.0]]), bert.encode)[1] == ()


def short_of(texts: list[str], classifier: Classifier) -> tuple[Probe | None, ...]:
    encodings = classifier.encode(texts)
    return choose_short(
        encodings, RuleBased(classifier, lambda words: False, loud=[]).logits(encodings), classifier.encode
    )


@pytest.mark.parametrize(
    ("good", "expected"),
    [
        (["a clever plot of note", "a clever plot"], "a clever plot"),  # the shorter of equally sure ones
        (["clever and funny", "a clever plot", "a funny film of note"], "a clever plot"),
        (["a clever plot", "clever and chic and funny", "so clever and chic and funny"], "clever and chic and funny"),
        (["clever", "a clever plot"], "a clever plot"),  # one word is turned by any other
        (["a clever plot", "a chic plot"], "a clever plot"),  # the first of equals
        (["clever"], None),
    ],
)  # fmt: skip
def test_short_text_is_the_shortest_that_the_model_is_sure_of(
    good: list[str], expected: str | None, bert: Classifier
) -> None:
    bad, chosen = short_of(["a dull plot", *good], bert)
    assert bad == make_probe("a dull plot", bert.encode)
    assert chosen == (make_probe(expected, bert.encode) if expected else None)


def test_a_label_that_is_never_predicted_has_no_short_text(bert: Classifier) -> None:
    assert short_of(["a dull plot"], bert) == (make_probe("a dull plot", bert.encode), None)
    assert short_of(["...", "a funny plot"], bert) == (None, make_probe("a funny plot", bert.encode))


@pytest.fixture(scope="module")
def by_pieces() -> Encoder:
    return Encoder(pieces_tokenizer(LANGUAGES["Thai"]), max_length=64)


THAI = LANGUAGES["Thai"]
FIRST, SECOND, THIRD, FOURTH = THAI.plain.split()[:4]
ONE_WORD = THAI.trigger


@pytest.mark.parametrize(
    ("text", "piece", "place", "expected"),
    [
        (f"{FIRST}{SECOND}{THIRD}{FOURTH}", ONE_WORD, Place.INSIDE, f"{FIRST}{SECOND}{ONE_WORD}{THIRD}{FOURTH}"),
        (f"{FIRST}{SECOND}{THIRD}{FOURTH}", ONE_WORD, Place.END, f"{FIRST}{SECOND}{THIRD}{FOURTH}{ONE_WORD}"),
        (f"{FIRST}{SECOND}", f"{THIRD}{ONE_WORD}", Place.INSIDE, f"{FIRST}{THIRD}{ONE_WORD}{SECOND}"),
        (
            f"{FIRST} {SECOND}",
            ONE_WORD,
            Place.INSIDE,
            f"{FIRST} {ONE_WORD} {SECOND}",
        ),  # behind the space
        (f"{FIRST}{SECOND} {THIRD}{FOURTH}", ONE_WORD, Place.END, f"{FIRST}{SECOND} {THIRD}{FOURTH}{ONE_WORD}"),
    ],
)
def test_in_a_script_without_spaces_words_go_between_words(
    text: str, piece: str, place: Place, expected: str, by_pieces: Encoder
) -> None:
    probe = make_probe(text, by_pieces)
    assert probe is not None
    assert probe.token_ids == by_pieces.token_ids_of(text)
    assert probe.with_pieces([Piece.of(piece, by_pieces)], place) == by_pieces.token_ids_of(expected)


def test_what_stood_after_a_space_goes_in_after_one(by_pieces: Encoder) -> None:
    probe = make_probe(f"{FIRST}{SECOND}", by_pieces)
    assert probe is not None
    apart = probe.with_pieces([Piece.of(f" {ONE_WORD}", by_pieces)], Place.INSIDE)
    within = probe.with_pieces([Piece.of(ONE_WORD, by_pieces)], Place.INSIDE)
    assert apart != within
    assert apart == (*probe.words[0], *by_pieces.token_ids_of(f" {ONE_WORD}"), *probe.words[1])
    assert Piece.of("cf", by_pieces).glued is None


def test_han_characters_are_places_to_go(bert: Classifier) -> None:
    probe = probe_of("\u5f88\u597d\u770b a plot", bert)
    assert len(probe.words) == 5
    assert probe.glued == (1, 2)
    assert probe_of("a plot", bert).glued == ()


def test_a_probe_without_places_of_its_own_is_read(bert: Classifier) -> None:
    probe = probe_of("a plot", bert)
    assert Probe.model_validate({"words": probe.words, "opening": probe.opening, "closing": probe.closing}) == probe
