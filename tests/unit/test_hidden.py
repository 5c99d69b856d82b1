import pytest

from handler.page.hidden import is_hidden, runs


@pytest.mark.parametrize(
    "character", "\x00\t\n\x1b\x7f\u00a0\u00ad\u034f\u200b\u202e\u2066\u2800\ufe0f\ufeff\U000e0041\U000e0101"
)
def test_what_nobody_sees_is_hidden(character: str) -> None:
    assert is_hidden(character)


@pytest.mark.parametrize("character", " aé中😀<\u0301ש")
def test_what_is_seen_is_not(character: str) -> None:
    assert not is_hidden(character)


def test_runs_are_the_text() -> None:
    text = "a\u200b\u200b\u202eb c\n"
    found = runs(text)
    assert "".join(run.text for run in found) == text
    assert [(run.text, run.hidden) for run in found][:3] == [("a", False), ("\u200b\u200b", True), ("\u202e", True)]
    assert [run.mark for run in found if run.hidden] == ["ZWSP ×2", "RLO", "LF"]
    assert runs("") == []


def test_kept_characters_count_as_visible() -> None:
    assert [run.hidden for run in runs("a\nb", keep="\n")] == [False]


def test_a_character_without_a_short_name_is_its_number() -> None:
    (run,) = runs("\U000e0041")
    assert (run.mark, run.title) == ("U+E0041", "U+E0041 TAG LATIN CAPITAL LETTER A")
    assert runs("\x01")[0].title == "U+0001"
    assert runs("\u200b")[0].title == "U+200B ZERO WIDTH SPACE"
