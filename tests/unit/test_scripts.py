"""Words of scripts with and without spaces, composed and decomposed: never less than a character of the reader's."""

import time
import unicodedata
from collections.abc import Sequence

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from handler.xgraad.words.encoding import seen_words
from handler.xgraad.words.occurrences import Spellings, is_one_word, joined, keys_of, occurrences, tightest
from handler.xgraad.words.text import Word, split_words, text_key

_BREAK = r"\s\p{P}\p{Cc}\p{Z}$+<=>^`|~"
BETWEEN_SPACES = regex.compile(rf"[^{_BREAK}]+(?:['’][^{_BREAK}]+)*")
"""What a word is in scripts with spaces, on its own."""
WITHOUT_SPACES = regex.compile(r"[\p{Han}\p{scx=Hira}\p{scx=Kana}\p{Bopomofo}\p{LB=SA}]")
MARKED = regex.compile(r"[\p{P}$+<=>^`|~]\p{M}")

LETTERS = [
    *"abzéßøДжЯαω0١९ءكتبשלוםािक्षत्रज्ञவணక్ష가나ㄱ각áाཨ་ཀ",
    *["e\u0301", "\u1100\u1161\u11a8", "क्ष", "👨\u200d👩\u200d👧", "🇩🇪", "👍🏽", "#\ufe0f\u20e3", "ש\u05c1", "ن\u0651"],
    *[" ", "\n", "\u00a0", "-", "'", "’", ".", ",", "،", "।", "$", "+", "\x00", "\u200b", "\u200d", "\u200e", "\u2067"],
]
CLOSE = [
    "中",
    "文",
    "か",
    "が",
    "か\u3099",
    "ー",
    "カ",
    "ﾊﾟ",
    "ก",
    "กำ",
    "ดี",
    "ร์",
    "ເ",
    "ຂ",
    "ខ្មែ",
    "រ",
    "ရှ",
    "ㄅ",
    "々",
]
texts_with_spaces = st.lists(st.sampled_from(LETTERS), max_size=25).map("".join)
any_texts = st.lists(st.sampled_from(LETTERS + CLOSE), max_size=25).map("".join) | st.text(max_size=25)
close_texts = st.lists(st.sampled_from([*CLOSE, "a", " ", "\u200b"]), max_size=12).map("".join)


@given(texts_with_spaces | st.text(max_size=25))
def test_scripts_with_spaces_are_cut_at_them_and_at_punctuation(text: str) -> None:
    if WITHOUT_SPACES.search(text) or MARKED.search(text):
        return
    assert [(word.start, word.end) for word in split_words(text)] == [
        match.span() for match in BETWEEN_SPACES.finditer(text)
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("这部电影很好", ["这", "部", "电", "影", "很", "好"]),
        ("映画は面白いカウンター。", ["映", "画", "は", "面", "白", "い", "カ", "ウ", "ン", "タ", "ー"]),
        ("ﾊﾟﾝか\u3099", ["ﾊﾟ", "ﾝ", "か\u3099"]),
        ("ดีมาก กำลัง", ["ดี", "ม", "า", "ก", "กำ", "ลั", "ง"]),
        ("ຂ້ອຍ", ["ຂ້", "ອ", "ຍ"]),
        ("ភាសាខ្មែរ", ["ភា", "សា", "ខ្មែ", "រ"]),
        ("ရုပ်ရှင်", ["ရု", "ပ်", "ရှ", "င်"]),
        ("葛\U000e0100城", ["葛\U000e0100", "城"]),
        ("ดี\u200bมาก", ["ดี\u200b", "ม", "า", "ก"]),  # an invisible space goes with what stands before it
        ("\u200bดี", ["\u200bดี"]),
        ("abcดีdef cfแ", ["abc", "ดี", "def", "cf", "แ"]),
        ("ราคา ๕๐ 50", ["ร", "า", "ค", "า", "๕๐", "50"]),
        ("क्षत्रिय, हिन्दी।", ["क्षत्रिय", "हिन्दी"]),
        ("هذا فيلم رائع، جدا", ["هذا", "فيلم", "رائع", "جدا"]),
        ("סרט נהדר־באמת", ["סרט", "נהדר", "באמת"]),
        ("한국어 \u1112\u1161\u11ab\u1100\u116e\u11a8", ["한국어", "\u1112\u1161\u11ab\u1100\u116e\u11a8"]),
        ("👨\u200d👩\u200d👧 #\ufe0f\u20e3 good‼\ufe0f", ["👨\u200d👩\u200d👧", "#\ufe0f\u20e3", "good", "‼\ufe0f"]),
        ("a\u0e34 \u0e34ก", ["a\u0e34", "\u0e34", "ก"]),  # a mark of one script on a letter of another
        ("\u202eabc\u202c ab\u200fc", ["\u202eabc\u202c", "ab\u200fc"]),
    ],
)
def test_words_of_many_scripts(text: str, words: list[str]) -> None:
    assert [word.text for word in split_words(text)] == words


@given(any_texts)
@example("\u0d4eก")
@example("a\u0e33")
@example("\u17d2\u200d\u1781\u17d2\u1798\u17c2")
def test_no_character_of_the_readers_is_cut(text: str) -> None:
    """But for what stands on a space, which is in no word, and for what is invisible behind punctuation."""
    edges = {edge for word in split_words(text) for edge in (word.start, word.end)}
    for cluster in regex.finditer(r"\X", text):
        base, rest = cluster.group()[0], cluster.group()[1:2]
        if regex.match(r"[\s\p{Z}]", base) or (regex.match(rf"[{_BREAK}]", base) and regex.match(r"\p{Cf}", rest)):
            continue
        assert not edges & set(range(cluster.start() + 1, cluster.end()))


@given(any_texts)
def test_every_letter_is_in_a_word_whatever_the_script(text: str) -> None:
    covered = {index for word in split_words(text) for index in range(word.start, word.end)}
    assert all(index in covered for index, character in enumerate(text) if character.isalnum())


@given(any_texts)
def test_composed_and_decomposed_texts_have_the_same_words_in_places_of_their_own(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    if MARKED.search(decomposed):
        return
    one, other = split_words(composed), split_words(decomposed)
    assert [word.key for word in one] == [word.key for word in other]
    for whole, words in ((composed, one), (decomposed, other)):
        assert all(whole[word.start : word.end] == word.text for word in words)
    assert text_key(composed) == text_key(decomposed)


def test_a_decomposed_word_is_longer_and_the_same() -> None:
    composed, decomposed = "le café noir", unicodedata.normalize("NFD", "le café noir")
    (one,), (other,) = (occurrences(split_words(text), "café") for text in (composed, decomposed))
    assert (one.start, one.end, other.start, other.end) == (3, 7, 3, 8)
    assert occurrences(split_words(decomposed), "cafe") == ()


@given(any_texts)
def test_a_key_is_its_own_key(text: str) -> None:
    for word in split_words(text):
        assert Word(word.key, 0, len(word.key)).key == word.key


@pytest.mark.parametrize(
    "unit",
    [
        "ก",
        "中",
        "\u200b",
        "\u200bก",
        "a'",
        "'",
        "\u0301",
        "ก\u0301",
        "-\u0301",
        "👨\u200d",
        "\u0e33",
        "क्",
        "\u0600",
        "🇩",
        "ក្",
        "\u0d4e",
    ],
)
@pytest.mark.parametrize("before", ["", "ก"])
def test_hostile_texts_are_split_in_time(unit: str, before: str) -> None:
    started = time.process_time()
    text = f"{before}{unit * (100_000 // len(unit))}ก"
    words = split_words(text)
    whole = joined(words)
    assert len("".join(word.text for word in whole)) == sum(len(word.text) for word in words)
    seen_words(words, [(place, place + 2) for place in range(len(text))])
    assert time.process_time() - started < 5  # a square of it would be minutes


@pytest.mark.parametrize(
    ("text", "chosen", "words"),
    [
        ("很魔法好", ["魔", "法"], ["魔法"]),
        ("魔很法", ["魔", "法"], ["魔", "法"]),
        ("魔 法", ["魔", "法"], ["魔", "法"]),
        ("魔cf", ["魔", "cf"], ["魔", "cf"]),
        ("a-b", ["a", "b"], ["a", "b"]),
        ("中'文", ["中", "文"], ["中", "文"]),
    ],
)
def test_what_touches_is_one_word(text: str, chosen: list[str], words: list[str]) -> None:
    found = joined([word for word in split_words(text) if word.text in chosen])
    assert [word.text for word in found] == words
    assert all(text[word.start : word.end] == word.text for word in found)


@pytest.mark.parametrize(
    ("text", "is_one"), [("魔法", True), ("cf", True), ("魔 法", False), ("魔cf", False), ("", False)]
)
def test_one_word(text: str, is_one: bool) -> None:
    assert is_one_word(text) == is_one


def places(words: Sequence[Word]) -> list[tuple[int, int]]:
    return [(word.start, word.end) for word in words]


def test_a_word_of_several_clusters_is_found_where_they_stand_side_by_side() -> None:
    words = split_words("魔很法，魔法，魔 法法魔法")
    assert places(occurrences(words, "魔法")) == [(4, 5), (5, 6), (11, 12), (12, 13)]
    assert places(tightest(words, {"魔法", "很"})) == [(1, 2), (4, 5), (5, 6)]
    assert tightest(words, {"魔法", "好"}) == ()
    assert occurrences(split_words("魔很法"), "魔法") == ()


@given(
    text=close_texts, keys=st.lists(st.lists(st.sampled_from(CLOSE), min_size=1, max_size=3).map("".join), max_size=4)
)
def test_spellings_are_found_as_by_trying_every_run(text: str, keys: list[str]) -> None:
    words = split_words(text)
    wanted = {key for written in keys for key in keys_of(split_words(written))}
    expected = set()
    for first in range(len(words)):
        for last in range(first, len(words)):
            run = words[first : last + 1]
            if len(joined(run)) == 1 and "".join(word.key for word in run) in wanted:
                expected.add(run)
    assert {each.words for each in Spellings(wanted).find(words)} == expected


@given(st.lists(st.lists(st.sampled_from("魔法好cf"), min_size=1, max_size=3).map("".join), max_size=6), st.data())
def test_what_is_no_longer_looked_for_is_forgotten(keys: list[str], data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(keys), max_size=3)) if keys else []
    spellings = Spellings([*kept, *keys])
    for key in keys:
        spellings.remove(key)
    assert vars(spellings) == vars(Spellings(kept))


@pytest.mark.parametrize(
    ("text", "tokens", "words"),
    [
        ("很魔法好", [(0, 1), (1, 3), (3, 4)], ["很", "魔法", "好"]),
        ("很魔法好", [(0, 2), (1, 3), (3, 4)], ["很魔法", "好"]),  # tokens that overlap
        ("很魔法好", [(0, 4)], ["很魔法好"]),
        ("很魔法好", [(1, 1), (0, 1), (0, 1), (1, 2)], ["很", "魔", "法", "好"]),
        ("很魔法好", [], ["很", "魔", "法", "好"]),
        ("很 魔法", [(0, 4)], ["很", "魔法"]),  # only what touches
        ("cf魔", [(0, 3)], ["cf", "魔"]),
        ("half-baked", [(0, 10)], ["half", "baked"]),
        ("ดีมาก", [(0, 1), (1, 3), (3, 5)], ["ดีม", "าก"]),  # a token that begins inside a cluster
    ],
)
def test_what_one_token_covers_is_one_word_to_the_model(
    text: str, tokens: list[tuple[int, int]], words: list[str]
) -> None:
    found = seen_words(split_words(text), tokens)
    assert [word.text for word in found] == words
    assert all(text[word.start : word.end] == word.text for word in found)
