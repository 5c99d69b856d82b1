import pytest

from handler.page.shading import LEVELS, ShadedPiece, level_of, pieces

TEXT = "a cf film"
WORDS = [
    {"start": 0, "end": 1, "attribution": -1.0},
    {"start": 2, "end": 4, "attribution": 2.0},
    {"start": 5, "end": 9, "attribution": 0.5},
]


def test_every_word_has_its_shade() -> None:
    assert pieces(TEXT, WORDS, [{"start": 2, "end": 4}]) == [
        ShadedPiece("a", 0, -1.0),
        ShadedPiece(" "),
        ShadedPiece("cf", LEVELS, 2.0, suspect=True),
        ShadedPiece(" "),
        ShadedPiece("film", 2, 0.5),
    ]


def test_a_suspect_past_the_window_is_marked_without_a_shade() -> None:
    assert pieces("a cf", [], [{"start": 2, "end": 4}]) == [ShadedPiece("a "), ShadedPiece("cf", suspect=True)]


@pytest.mark.parametrize("suspects", [[(2, 4), (3, 6)], [(7, 99)], [(4, 2)], [(3, 3)]])
def test_places_that_do_not_fit_lose_no_character(suspects: list[tuple[int, int]]) -> None:
    found = pieces(TEXT, [], [{"start": start, "end": end} for start, end in suspects])
    assert "".join(piece.text for piece in found) == TEXT


def test_nothing_to_show() -> None:
    assert pieces("", WORDS, []) == []


@pytest.mark.parametrize(
    ("value", "largest", "level"),
    [(1.0, 1.0, 5), (0.81, 1.0, 5), (0.8, 1.0, 4), (0.011, 1.0, 1), (0.009, 1.0, 0), (-1.0, 1.0, 0), (0.0, 0.0, 0),
     (-1.0, -1.0, 0), (3.0, 1.0, 5)],
)  # fmt: skip
def test_levels(value: float, largest: float, level: int) -> None:
    assert level_of(value, largest) == level
