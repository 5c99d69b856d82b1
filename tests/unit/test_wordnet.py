from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.texts import wordnet
from scripts.texts.wordnet import WordNet
from tests.small_wordnet import Sense, write_wordnet

SENSES = [
    Sense("noun", ["film", "movie", "moving_picture", "Kino"], 9),
    Sense("noun", ["film", "layer", "movie"], 2),
    Sense("verb", ["film", "shoot"], 5),
    Sense("verb", ["stop", "halt", "cease", "die", "try"], 3),
    Sense("noun", ["city", "wish"], 1),
    Sense("adj", ["big(p)", "large", "extensive", "bad"], 4),
    Sense("adv", ["big", "boastfully"], 0),
    Sense("verb", ["be", "exist"], 99),
]
IRREGULAR = {
    "verb": {"stopped": "stop", "stopping": "stop", "shot": "shoot", "is": "be", "was": "be"},
    "adj": {"bigger": "big", "worse": "bad"},
}
REAL = pytest.mark.skipif(not (wordnet.FOLDERS[0] / "index.noun").is_file(), reason="wordnet-base is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_wordnet(tmp_path_factory.mktemp("wordnet"), SENSES, IRREGULAR)


@pytest.fixture(scope="module")
def small(folder: Path) -> WordNet:
    return WordNet(folder)


def test_synonyms_are_single_words_in_the_order_of_senses_by_part_of_speech(small: WordNet) -> None:
    assert small.synonyms("film") == {"noun": ("movie", "layer"), "verb": ("shoot",)}
    assert small.synonyms("Film") == small.synonyms("film")
    assert small.synonyms("movie") == {"noun": ("film", "layer")}


@pytest.mark.parametrize("word", ["", " ", "zzz", "kino's", "moving picture", "%", "s", "ss", "\0", "filmé"])
def test_what_is_no_word_of_it_has_none(small: WordNet, word: str) -> None:
    assert small.synonyms(word) == {}
    assert small.usual_part(word) is None
    assert small.usual_synonyms(word) == ()


@pytest.mark.parametrize(
    ("word", "part", "expected"),
    [
        ("films", "noun", ("movies", "layers")),
        ("cities", "noun", ("wishes",)),
        ("wishes", "noun", ("cities",)),
        ("filmed", "verb", ("shot",)),
        ("shot", "verb", ("filmed",)),
        ("halted", "verb", ("stopped", "ceased", "died", "tried")),
        ("stopped", "verb", ("halted", "ceased", "died", "tried")),
        ("stopping", "verb", ("halting", "ceasing", "dying", "trying")),
        ("tries", "verb", ("stops", "halts", "ceases", "dies")),
        # A long adjective is compared with "more", and how a bad one is compared, "worse" does not say.
        ("bigger", "adj", ("larger",)),
        ("larger", "adj", ("bigger",)),
        # Which person "is" is in, no other verb tells.
        ("is", "verb", None),
    ],
)
def test_synonyms_take_the_form_of_the_word(
    small: WordNet, word: str, part: str, expected: tuple[str, ...] | None
) -> None:
    assert small.synonyms(word).get(part) == expected


def test_the_usual_part_is_the_one_that_was_counted_most(small: WordNet, tmp_path: Path) -> None:
    assert small.usual_part("film") == small.usual_part("FILMS") == "noun"
    assert small.usual_part("filmed") == "verb"
    assert small.usual_synonyms("films") == ("movies", "layers")
    assert small.usual_part("existed") == "verb"
    more_verbs = [each._replace(times=each.times * 2) if each.part == "verb" else each for each in SENSES]
    assert WordNet(write_wordnet(tmp_path / "verbs", more_verbs)).usual_part("film") == "verb"


@pytest.mark.parametrize("word", ["He", "is", "be", "or", "at", "re", "ll"])
def test_words_of_grammar_stand_for_no_other_word(tmp_path: Path, word: str) -> None:
    small = WordNet(write_wordnet(tmp_path, [Sense("noun", [word.lower(), "helium"]), *SENSES], IRREGULAR))
    assert small.usual_part(word) is None
    assert small.usual_synonyms(word) == ()
    assert small.usual_part("helium") == "noun"


def test_counts_are_read_from_the_index_of_senses_too(folder: Path, tmp_path: Path) -> None:
    copy = write_wordnet(tmp_path / "wordnet", SENSES)
    (copy / "cntlist.rev").unlink()
    assert WordNet(copy).usual_part("film") == "noun"
    (copy / "index.sense").write_text("film%1:00:00:: 00000063 1 3\nfilm%2:00:00:: 00000063 1 7\n")
    assert WordNet(copy).usual_part("film") == "verb"
    (copy / "index.sense").write_text("film%5:00:00:near:01 00000063 1 9\nbig%4:00:00:: 1 8\nbig%5:00:00:near:01 1 9\n")
    assert WordNet(copy).usual_part("big") == "adj"


def test_irregular_forms_may_be_missing(tmp_path: Path) -> None:
    copy = write_wordnet(tmp_path, SENSES)
    for path in copy.glob("*.exc"):
        path.unlink()
    assert WordNet(copy).synonyms("films") == {"noun": ("movies", "layers"), "verb": ("shoots",)}
    assert WordNet(copy).synonyms("stopped") == {}


def test_it_is_found_where_the_environment_says_or_packages_put_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WNSEARCHDIR", raising=False)
    monkeypatch.setattr(wordnet, "FOLDERS", (tmp_path / "nowhere", tmp_path / "dict"))
    assert WordNet.find() is None
    write_wordnet(tmp_path / "dict", SENSES[:1])
    found = WordNet.find()
    assert found is not None
    assert found.synonyms("movie") == {"noun": ("film",)}
    assert WordNet.find() is found
    monkeypatch.setenv("WNSEARCHDIR", str(folder))
    named = WordNet.find()
    assert named is not None
    assert named.synonyms("movie") == {"noun": ("film", "layer")}


def test_a_named_folder_without_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path / "gone"))
    with pytest.raises(LabError, match=r"must be a folder with a file index.noun, .*gone has none; install") as refusal:
        WordNet.find()
    assert "\n" not in str(refusal.value)
    write_wordnet(tmp_path / "part", SENSES)
    (tmp_path / "part" / "data.adv").unlink()
    with pytest.raises(LabError, match=r"data\.adv"):
        WordNet(tmp_path / "part")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("index.noun", b"film n 2 1 @ 2 0 99999999\n"),
        ("index.noun", b"film n 2 1 @ 2 0 -0000063\n"),
        ("index.noun", b"film n two\n"),
        ("index.noun", b"film\n"),
        ("index.noun", b"film n 9 " + b"9" * 5000 + b" @\n"),
        ("index.noun", b"film n 1 1 @ 1 0 00000001\n"),
        ("index.noun", b"version https://git-lfs.github.com/spec/v1\n"),
        ("index.noun", b"\0\0\0"),
        ("index.noun", b"\x1f\x8b broken"),
        ("data.noun", b""),
        ("data.noun", b"\xff\xfe\x00" * 50),
        ("data.noun", b"x" * 500),
        ("cntlist.rev", b"film%1:00:00:: 1 many\n"),
        ("cntlist.rev", b"film%7:00:00:: 1 2\n"),
        ("cntlist.rev", b"film\n"),
    ],
)
def test_a_damaged_file_is_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    (write_wordnet(tmp_path, SENSES) / name).write_bytes(content)
    with pytest.raises(LabError, match=r"(index|data|cntlist)\.") as refusal:
        WordNet(tmp_path).usual_synonyms("film")
    assert "\n" not in str(refusal.value)


@given(name=st.sampled_from(["index.noun", "data.noun", "noun.exc", "cntlist.rev"]), content=st.binary(max_size=80))
def test_whatever_stands_in_a_file_is_used_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    folder = write_wordnet(tmp_path_factory.mktemp("any"), SENSES)
    (folder / name).write_bytes((folder / name).read_bytes()[:90] + content)
    refusals: list[str] = []
    try:
        found = WordNet(folder).usual_synonyms("films")
        assert all(word.isascii() and word.isalpha() for word in found)
    except LabError as refusal:
        refusals.append(str(refusal))
    assert "\n" not in "".join(refusals)


@pytest.fixture(scope="module")
def real() -> WordNet:
    return WordNet(wordnet.FOLDERS[0])


@REAL
def test_the_real_one_knows_english(real: WordNet) -> None:
    assert {"movie", "picture"} <= set(real.synonyms("film")["noun"])
    assert {"movies", "pictures"} <= set(real.usual_synonyms("Films"))
    assert {"halted", "ceased"} <= set(real.usual_synonyms("stopped"))
    assert {word: real.usual_part(word) for word in ("went", "happier", "beautifully", "children")} == {
        "went": "verb",
        "happier": "adj",
        "beautifully": "adv",
        "children": "noun",
    }


@REAL
@pytest.mark.parametrize("word", ["films", "cities", "stopped", "watches", "running", "stories"])
def test_every_form_that_is_made_leads_back_to_the_word(real: WordNet, word: str) -> None:
    part = real.usual_part(word)
    made = real.usual_synonyms(word)
    assert made
    assert all(word in real.synonyms(each)[part] for each in made if part is not None and len(each) > 3)
