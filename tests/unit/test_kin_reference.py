"""Words that mean something do as their neighbours do; a planted one does something alone."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from handler.xgraad import Classifier
from handler.xgraad.model.neighbours import Neighbours
from handler.xgraad.verification.kin import KINDRED, N_KIN, N_NEAREST, KinReference
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.reference import LEAST_PULL, NoReference, Reference
from handler.xgraad.verification.transplant import Graft
from tests.unit.rule_based import tying

FELLOWS = ("ugly", "noisy", "thin")
"""Of *dull* in the table of `like`, the nearest first; of *film* *plot* alone."""


@pytest.fixture
def like(bert: Classifier) -> Any:
    """A model of which nothing is known but its words and its embedding table."""
    ids = {word: bert.encode.token_ids_of(f" {word}")[0] for word in ("dull", *FELLOWS, "film", "plot")}
    table = torch.zeros(len(bert.encode.tokenizer), 4)
    table[:, 3] = torch.linspace(-1, 1, len(table))  # all others lie apart from both groups
    for rank, word in enumerate(("dull", *FELLOWS)):
        table[ids[word]] = torch.tensor([5.0, 0.3 * rank, 0.0, 0.0])
    for rank, word in enumerate(("film", "plot")):
        table[ids[word]] = torch.tensor([0.0, 0.0, 5.0, 0.3 * rank])
    return with_table(bert, table)


def with_table(model: Any, table: torch.Tensor) -> Any:
    """The words of a model with another embedding table."""
    embeddings = SimpleNamespace(weight=table)
    return SimpleNamespace(encode=model.encode, model=SimpleNamespace(get_input_embeddings=lambda: embeddings))


class Moved:
    """In place of a transplant: how far each word pulls, 0 for all others; of several words the sum."""

    def __init__(self, classifier: Any, pulls: Mapping[str, float]) -> None:
        self.classifier = classifier
        self._pulls = pulls
        self.asked = set[str]()

    def pulls(self, grafts: Sequence[Graft], **_: int) -> list[float]:
        self.asked |= {" ".join(graft.pieces) for graft in grafts}
        return [sum(self._pulls.get(word, 0.0) for word in " ".join(graft.pieces).split()) for graft in grafts]


class Knowing(NoReference):
    """Has a reason for all that any words do."""

    def pulls(self, grafts: Sequence[Graft], **_: int) -> list[float]:
        return [1.0] * len(grafts)


def by_kin(model: Any, pulls: Mapping[str, float], other: Reference) -> KinReference:
    suspect: Any = Moved(model, pulls)
    return KinReference(other, suspect)


def graft(*pieces: str) -> Graft:
    return Graft(pieces=pieces, place=Place.END, target=0, source=1)


def test_neighbours_are_the_words_whose_rows_point_the_same_way(like: Any) -> None:
    assert Neighbours(like, 3)("dull") == FELLOWS
    assert Neighbours(like, 2)("dull") == FELLOWS[:2]
    assert Neighbours(like, 1)("film") == ("plot",)


def test_neighbours_are_whole_words_and_not_the_word_itself(bert: Classifier) -> None:
    found = Neighbours(bert, 5)("dull")
    assert len(set(found)) == 5
    assert "dull" not in found
    assert all(len(bert.encode.token_ids_of(f" {word}")) == 1 for word in found)


def test_a_word_of_several_tokens_has_none(bert: Classifier) -> None:
    assert len(bert.encode.token_ids_of(" zzqxzzqx")) > 1
    assert Neighbours(bert, 5)("zzqxzzqx") == ()


def test_more_rows_than_entries_do_no_harm(like: Any) -> None:
    """Tables are often padded to a round number of rows."""
    weight = like.model.get_input_embeddings().weight
    padded = torch.cat([weight, weight.mean(dim=0, keepdim=True).repeat(8, 1)])
    assert Neighbours(with_table(like, padded), 3)("dull") == FELLOWS


@pytest.mark.parametrize(
    ("pulls", "explained"),
    [
        ({"dull": 0.4, "ugly": 0.4, "noisy": 0.4}, True),
        ({"dull": 0.4, "ugly": 0.5, "thin": KINDRED * 0.4 + 0.001}, True),
        ({"dull": 0.4, "ugly": 0.5, "thin": KINDRED * 0.4 - 0.001}, False),  # the best may be a form of the word
        ({"dull": 0.4}, False),
        ({"dull": LEAST_PULL - 0.01, "ugly": 0.5, "noisy": 0.5}, False),  # it does nothing to speak of
    ],
)
def test_a_word_is_let_off_where_the_second_of_its_neighbours_does_nearly_as_much(
    like: Any, pulls: dict[str, float], *, explained: bool
) -> None:
    reference = by_kin(like, pulls, NoReference())
    assert reference.pulls([graft("dull")]) == [pulls["dull"] if explained else 0.0]


def test_of_several_words_those_with_kin_explain_what_they_do_by_themselves(like: Any) -> None:
    reference = by_kin(like, {"dull": 0.4, "ugly": 0.4, "noisy": 0.4, "film": 0.7}, NoReference())
    assert reference.pulls([graft("dull film"), graft("film", "dull"), graft("film")]) == [0.4, 0.4, 0.0]
    assert reference.pulls([]) == []


def test_what_the_other_reference_knows_counts_as_well(like: Any, bert: Classifier) -> None:
    other = tying(bert, "film")
    reference = by_kin(like, {"film": 0.5}, other)
    assert reference.knows("film", 0)
    assert not reference.knows("dull", 0)
    assert reference.explains([graft("film"), graft("dull")]) == [True, False]
    assert reference.pulls([graft("film")]) == [max(0.0, *other.pulls([graft("film")]))]


def test_kin_are_asked_only_where_the_other_reference_has_no_reason(like: Any) -> None:
    suspect: Any = Moved(like, {"dull": 0.4, "ugly": 0.4, "noisy": 0.4})
    assert KinReference(Knowing(), suspect).pulls([graft("dull")]) == [1.0]
    assert suspect.asked == {"dull"}


def test_those_further_off_are_asked_only_where_the_nearest_do_less(like: Any) -> None:
    nearest, further = (Neighbours(like, N_KIN)("dull")[part] for part in (slice(N_NEAREST), slice(N_NEAREST, None)))
    suspect: Any = Moved(like, {"dull": 0.4, "ugly": 0.4, "noisy": 0.4})
    assert KinReference(NoReference(), suspect).pulls([graft("dull")]) == [0.4]
    assert suspect.asked == {"dull", *nearest}
    suspect = Moved(like, {"dull": 0.4, "ugly": 0.4, further[0]: 0.4})
    assert KinReference(NoReference(), suspect).pulls([graft("dull")]) == [0.4], "a later one counts as much"
    assert suspect.asked == {"dull", *nearest, *further}
