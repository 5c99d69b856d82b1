"""Words of a text that may be a trigger, and the clean texts they are to be put into."""

from collections.abc import Iterable
from dataclasses import dataclass

from handler.xgraad.bundles import in_pieces
from handler.xgraad.probes import Place, place_of
from handler.xgraad.scorer import Score
from handler.xgraad.text import Word
from handler.xgraad.transplant import Graft

N_SOURCES = 3
"""Labels next to the predicted one whose clean texts a suspect is put into: some triggers work on one class only."""


@dataclass(frozen=True)
class Suspect:
    """Words of a text, to be put into clean ones."""

    score: Score
    words: tuple[Word, ...]

    @property
    def target(self) -> int:
        """The label that they seem to bring about."""
        return self.score.prediction.label_id

    def only(self, words: Iterable[Word]) -> "Suspect":
        """Some of the words."""
        return Suspect(self.score, tuple(words))

    def grafts(self, *, elsewhere: bool = False) -> list[Graft]:
        """One for each source: where the words stood, or at the other places."""
        encoding = self.score.encoding
        pieces = in_pieces(encoding.text, self.score.spans(), self.words)
        stood = place_of(self.words[0], encoding.words)
        if len(self.words) > 1 and stood is not Place.START:
            stood = place_of(self.words[-1], encoding.words)
        places = [place for place in Place if (place is not stood) == elsewhere]
        return [
            Graft(pieces=pieces, place=place, target=self.target, source=source)
            for place in (places if len(pieces) == 1 else [Place.INSIDE])
            for source in self.score.prediction.next_labels()[:N_SOURCES]
        ]
