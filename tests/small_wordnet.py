"""WordNet's database files, made by hand: small, and laid out as the real ones."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LICENSE = "  1 This software and database is being provided to you.  \n"
DIGITS = {"noun": ("n", 1), "verb": ("v", 2), "adj": ("a", 3), "adv": ("r", 4)}


class Sense(NamedTuple):
    """One synset; senses of a word stand in the order of the list."""

    part: str
    words: Sequence[str]
    times: int = 0


def write_wordnet(
    folder: Path, senses: Sequence[Sense], irregular: Mapping[str, Mapping[str, str]] | None = None
) -> Path:
    """The folder with index, data, irregular forms (lemmas by form, by part of speech) and counts."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = []
    for part, (letter, digit) in DIGITS.items():
        data, places = LICENSE, dict[str, list[int]]()
        for each in (sense for sense in senses if sense.part == part):
            offset, words = len(data.encode()), " ".join(f"{word} 0" for word in each.words)
            data += f"{offset:08d} 00 {letter} {len(each.words):02x} {words} 000 | what it means | or not  \n"
            for word in each.words:
                lemma = word.partition("(")[0].lower()
                places.setdefault(lemma, []).append(offset)
                counts.append(f"{lemma}%{digit}:00:00:: {len(places[lemma])} {each.times}\n")
        lines = [
            f"{lemma} {letter} {len(found)} 1 @ {len(found)} 0 {' '.join(f'{place:08d}' for place in found)}  \n"
            for lemma, found in sorted(places.items())
        ]
        (folder / f"data.{part}").write_text(data)
        (folder / f"index.{part}").write_text(LICENSE + "".join(lines))
        forms = (irregular or {}).get(part, {})
        (folder / f"{part}.exc").write_text("".join(f"{form} {lemma}\n" for form, lemma in sorted(forms.items())))
    (folder / "cntlist.rev").write_text("".join(sorted(counts)))
    return folder
