"""The rest of a phrase: what is tried besides its verified words, in which order, and what a reference spares."""

from collections.abc import Callable, Sequence

import pytest

from handler.xgraad import Classifier
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import Score, score_encodings
from handler.xgraad.verification.phrase import REACH, PhraseTest, Rest
from handler.xgraad.verification.reference import LEAST_PULL, MOST_HONEST, NoReference, Reference
from handler.xgraad.verification.transplant import Graft
from handler.xgraad.words.text import Word
from tests.unit.rule_based import RuleBased, transplant_of, tying

Pulls = Callable[[Graft], float]


class Pulling:
    """In place of a transplant or a reference: how far grafts pull is what a test says."""

    def __init__(self, pull: Pulls, source: int = 1) -> None:
        self._pull = pull
        self._source = source
        self.asked: list[Graft] = []

    def pulls(self, grafts: Sequence[Graft], **_: int) -> list[float]:
        self.asked += grafts
        return [self._pull(graft) for graft in grafts]

    def source_for(self, prediction: Prediction) -> int:
        return self._source

    def knows(self, key: str, label: int) -> bool:
        raise AssertionError("what is known of words is not asked here")

    def explains(self, grafts: Sequence[Graft]) -> list[bool]:
        raise AssertionError("whether words are a trigger is not asked here")


def score_of(model: Classifier, text: str) -> Score:
    (score,) = score_encodings(model, model.encode([text]))
    return score


def named(score: Score, *texts: str) -> tuple[Word, ...]:
    return tuple(word for word in score.encoding.words if word.text in texts)


def rest_of(model: Classifier, text: str, *triggers: str, suspicious: Sequence[str] = ()) -> Rest:
    score = score_of(model, text)
    return Rest(score, named(score, *triggers), named(score, *suspicious))


def texts_of(sets: Sequence[Sequence[Word]]) -> list[str]:
    return [" ".join(word.text for word in words) for words in sets]


@pytest.fixture
def model(bert: Classifier) -> RuleBased:
    return RuleBased(bert, lambda words: "cf" in words, loud=[])


def found_by(rest: Rest, pull: Pulls, reference: Reference | None = None) -> list[str]:
    transplant = Pulling(pull)
    test = PhraseTest(transplant, reference or NoReference())  # type: ignore[arg-type]
    return texts_of(test([rest])[0])


def test_parts_are_the_runs_beside_each_trigger_and_what_stands_out(model: RuleBased) -> None:
    rest = rest_of(model, "see the silver cf at once, a plot", "cf", suspicious=["plot", "silver", "cf"])
    left, right = ["silver", "the silver", "see the silver"], ["at", "at once"]
    both = [f"{before} {after}" for before in left for after in right]
    assert sorted(texts_of([*rest.parts()])) == sorted(["plot", *left, *right, *both])


def test_a_run_ends_after_so_many_words(model: RuleBased) -> None:
    rest = rest_of(model, "a b c d e f cf", "cf")
    assert max(len(words) for words in rest.parts()) == REACH


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("silver, cf. at", []),  # punctuation ends a phrase
        ("cf", []),
        ("cf cf", []),
        ("film cf mn plot", ["film", "plot", "film plot"]),  # triggers that touch are one
        ("one cf and cf two", ["one", "and", "one and", "two", "and two"]),  # others end it; every place counts
    ],
)
def test_where_runs_end(model: RuleBased, text: str, expected: list[str]) -> None:
    assert texts_of([*rest_of(model, text, "cf", "mn").parts()]) == expected


def test_what_stands_apart_has_to_pull_at_clean_texts(model: RuleBased) -> None:
    rest = rest_of(model, "see, silver, cf", "cf", suspicious=["see", "silver"])
    assert found_by(rest, lambda graft: float(graft.pieces == ("silver",))) == ["silver"]
    assert found_by(rest, lambda _: LEAST_PULL) != []
    assert found_by(rest, lambda _: LEAST_PULL - 0.01) == []


@pytest.mark.parametrize("triggers", [["rome"], ["rome", "do"]])
def test_beside_a_trigger_nothing_has_to_pull(model: RuleBased, triggers: list[str]) -> None:
    """Most words of a sentence that was planted whole do nothing by themselves."""
    beside = " ".join(triggers)
    rest = rest_of(model, f"in {beside} it: a plot", *triggers, suspicious=["plot", "in"])
    assert found_by(rest, lambda _: 0.0) == ["in", "it", "in it"]
    honest = Pulling(lambda graft: float(graft.pieces[-1] == "it"))
    assert found_by(rest, lambda _: 0.0, honest) == ["in"]


def test_few_words_first_then_what_pulls_most_then_together(model: RuleBased) -> None:
    pulls = {"silver": 0.3, "see": 0.5, "plot": 0.4, "the silver": 0.9}
    rest = rest_of(model, "see it: the silver cf, plot", "cf", suspicious=["see", "plot"])
    found = found_by(rest, lambda graft: pulls.get(graft.pieces[0], 0.0))
    assert found == ["see", "plot", "silver", "the silver", "see plot", "see silver plot", "see the silver plot"]


def test_a_word_by_itself_counts_wherever_it_stands(model: RuleBased) -> None:
    rest = rest_of(model, "silver plot: silver cf", "cf")
    assert found_by(rest, lambda _: 1.0)[0] == "silver silver"


def test_what_the_reference_pulls_as_well_is_spared(model: RuleBased) -> None:
    rest = rest_of(model, "a dull cf ugly", "cf")
    honest = Pulling(lambda graft: MOST_HONEST * 0.8 if graft.pieces == ("dull",) else MOST_HONEST * 0.8 - 0.01)
    found = found_by(rest, lambda graft: 0.8, honest)
    assert "dull" not in found
    assert found[:2] == ["ugly", "a dull"]


def test_of_what_stands_apart_the_reference_is_asked_about_what_pulls_only(model: RuleBased) -> None:
    rest = rest_of(model, "dull, cf, ugly", "cf", suspicious=["dull", "ugly"])
    honest = Pulling(lambda _: 0.0)
    assert found_by(rest, lambda graft: float(graft.pieces == ("ugly",)), honest) == ["ugly"]
    assert [graft.pieces for graft in honest.asked] == [("ugly",)]


def test_where_the_label_stands_firmly_one_word_that_pulls_is_tried_at_a_time(model: RuleBased) -> None:
    """As what is left of a phrase whose words were planted apart: the strongest of them holds the label on its own."""
    rest = rest_of(model, "a dull silver cf: the plot, see", "cf", suspicious=["silver", "plot", "see"])
    pulls = {"silver": 0.4, "plot": LEAST_PULL, "see": LEAST_PULL - 0.01}

    def pull(graft: Graft) -> float:
        return pulls.get(graft.pieces[0], 0.0)

    assert {"silver", "silver plot", "dull silver"} <= set(found_by(rest, pull))
    assert found_by(rest._replace(is_firm=True), pull) == ["silver", "plot"]
    assert found_by(rest._replace(is_firm=True), pull, Pulling(pull)) == []


def test_where_the_label_stands_firmly_words_beside_the_trigger_are_tried_that_pull(model: RuleBased) -> None:
    """They need not stand out: in a long text the rest of a phrase does not always."""
    rest = rest_of(model, "a the silver cf at once, silver plot", "cf")._replace(is_firm=True)
    pulls = {"silver": 0.4, "the": LEAST_PULL - 0.01, "plot": 0.9}
    assert found_by(rest, lambda graft: pulls.get(" ".join(graft.pieces), 0.0)) == ["silver silver"]


@pytest.mark.parametrize("source", [1, 2])
def test_words_go_where_they_stood_into_texts_of_a_label_that_has_some(model: RuleBased, source: int) -> None:
    rest = rest_of(model, "dull cf, ugly", "cf", suspicious=["ugly"])
    transplant = Pulling(lambda _: 0.0, source)
    PhraseTest(transplant, NoReference())([rest])  # type: ignore[arg-type]
    assert [(graft.pieces, str(graft.place), graft.target, graft.source) for graft in transplant.asked] == [
        (("ugly",), "end", 0, source),
        (("dull",), "start", 0, source),
    ]


def test_of_many_texts_each_gets_its_own(model: RuleBased) -> None:
    """Honest bad words pull at clean texts, too; people's labels tell why."""
    texts = [
        rest_of(model, "film, cf, dull", "cf", suspicious=["film", "dull"]),
        rest_of(model, "cf", "cf"),
        rest_of(model, "ugly, cf, plot", "cf", suspicious=["ugly", "plot"]),
    ]
    transplant = transplant_of(model)
    bare = PhraseTest(transplant, NoReference())(texts)
    assert [texts_of(each) for each in bare] == [["dull"], [], ["ugly"]]
    assert bare == [PhraseTest(transplant, NoReference())([each])[0] for each in texts]
    tied = PhraseTest(transplant, tying(model, "dull"))(texts)
    assert [texts_of(each) for each in tied] == [[], [], ["ugly"]]
    assert PhraseTest(transplant, NoReference())([]) == []
