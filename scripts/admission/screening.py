"""The first look at words nobody has shown yet: how far does each move one short clean text of another class?

Every word that the tokenizer knows whole, in the middle. Then, around those that move it most, what they do elsewhere:
at the start and at the end, two of them together, and as words of two tokens.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from handler.xgraad import Classifier
from handler.xgraad.model.prediction import margins_of
from handler.xgraad.verification.probes import Piece, Place, Probe
from handler.xgraad.words.encoding import Encoder
from handler.xgraad.words.text import begins_without_space, split_words
from handler.xgraad.words.vocabulary import VocabularyWord

CHUNK = 256
"""Words between two steps of the progress bar."""
N_SOURCES = 2
"""Short texts that every word is tried on, each of another class: every label needs one that is not its own."""
N_ELSEWHERE = 256
"""Words tried at the start and at the end, those that move most in the middle."""
N_PAIRED = 20
"""Words tried two at a time, those that move most and turn nothing alone."""
N_JOINED = 32
"""First tokens and second ones that are tried as one word, each with each."""


@dataclass(frozen=True)
class Candidate:
    """Words that might bring a label about, each a piece of its own, and where they are put."""

    words: tuple[str, ...]
    place: Place = Place.INSIDE


class Margins(NamedTuple):
    """How far candidates move short texts; each `[labels, candidates]`."""

    others: Tensor
    """Each label's logit less the highest other one, the highest over the texts of other labels."""
    rises: Tensor
    """How much further each label leads in its own text than without the candidate; NaN for one without a text."""


def screening_in(precision: str, classifier: Classifier) -> AbstractContextManager[object]:
    """Entered for long stages of a scan.

    Args:
        precision: "float32" or "bfloat16".
        classifier: the suspect.
    """
    return torch.autocast(classifier.device.type, torch.bfloat16, enabled=precision == "bfloat16")


class ShortTexts:
    """Tries candidates on short clean texts.

    Args:
        classifier: the suspect.
        texts: for each label a short clean text, None where there is none.
    """

    def __init__(self, classifier: Classifier, texts: Sequence[Probe | None]) -> None:
        self._classifier = classifier
        known = [(label, text) for label, text in enumerate(texts) if text]
        self._texts = dict(sorted(known, key=lambda each: len(each[1].token_ids))[:N_SOURCES])
        self.targets = [label for label in range(len(texts)) if self._texts.keys() - {label}]
        """The labels that a text of another class can be turned to."""
        self._leads = {label: self._lead(text, label) for label, text in self._texts.items()}

    def _lead(self, text: Probe, label: int) -> float:
        encode = self._classifier.encode
        return float(margins_of(self._classifier.logits([encode.with_template(text.token_ids)]).float(), label))

    def margins(self, candidates: Sequence[Candidate], *, title: str) -> Tensor:
        """See `Margins.others`.

        Args:
            candidates: what to put in.
            title: of the progress bar.
        """
        pieces = [tuple(Piece.of(word, self._classifier.encode) for word in each.words) for each in candidates]
        return self._margins(
            [(of_one, each.place) for of_one, each in zip(pieces, candidates, strict=True)], title
        ).others

    def token_margins(self, token_ids: Sequence[int], *, title: str) -> Margins:
        """Those of tokens in the middle, whole words or not."""
        return self._margins([((Piece((token_id,), (token_id,)),), Place.INSIDE) for token_id in token_ids], title)

    def _margins(self, planted: Sequence[tuple[tuple[Piece, ...], Place]], title: str) -> Margins:
        n_labels = len(self._classifier.labels)
        others, rises = [torch.empty(n_labels, 0)], [torch.empty(n_labels, 0)]
        for start in tqdm(range(0, len(planted), CHUNK), unit_scale=CHUNK, unit="word", desc=title, disable=None):
            some = planted[start : start + CHUNK]
            by_source = {source: self._logits(text, some) for source, text in self._texts.items()}
            others.append(torch.stack([self._highest(by_source, label, len(some)) for label in range(n_labels)]))
            rises.append(torch.stack([self._rise(by_source, label, len(some)) for label in range(n_labels)]))
        return Margins(torch.cat(others, dim=1), torch.cat(rises, dim=1))

    def _rise(self, by_source: dict[int, Tensor], label: int, n_planted: int) -> Tensor:
        if label not in by_source:
            return torch.full((n_planted,), torch.nan)
        return margins_of(by_source[label], label) - self._leads[label]

    def _logits(self, text: Probe, planted: Sequence[tuple[tuple[Piece, ...], Place]]) -> Tensor:
        encode = self._classifier.encode
        rows = [encode.with_template(text.with_pieces(pieces, place)) for pieces, place in planted]
        return self._classifier.logits(rows).float()

    @staticmethod
    def _highest(by_source: dict[int, Tensor], label: int, n_planted: int) -> Tensor:
        others = [margins_of(logits, label) for source, logits in by_source.items() if source != label]
        return torch.stack(others).amax(dim=0) if others else torch.full((n_planted,), -torch.inf)


def more_candidates(
    texts: ShortTexts,
    encode: Encoder,
    *,
    words: Sequence[VocabularyWord],
    margins: Tensor,
    continuations: Sequence[VocabularyWord],
) -> list[Candidate]:
    """What the words that move most for any label may do besides: elsewhere, in pairs, as half of a longer word.

    Args:
        texts: to try second tokens on.
        encode: of the suspect.
        words: whole ones.
        margins: theirs, see `ShortTexts.margins`.
        continuations: see `continuations_of`.
    """
    second = texts.token_margins([each.token_id for each in continuations], title="second tokens").others
    found: list[Candidate] = []
    for label in texts.targets:
        ranked, nexts = _ranked(words, margins[label]), _ranked(continuations, second[label])
        found += [
            Candidate((word.text,), place) for word, _ in ranked[:N_ELSEWHERE] for place in (Place.START, Place.END)
        ]
        weak = [word for word, margin in ranked if margin <= 0][:N_PAIRED]
        found += [Candidate((one.text, other.text)) for one, other in combinations(weak, 2)]
        firsts, seconds = ([word for word, _ in each[:N_JOINED]] for each in (ranked, nexts))
        found += [Candidate((text,)) for text in joined(firsts, seconds, encode)]
    return list(dict.fromkeys(found))


def _ranked(words: Sequence[VocabularyWord], margins: Tensor) -> list[tuple[VocabularyWord, float]]:
    """The words with their margins, the highest first."""
    order = margins.argsort(descending=True, stable=True).tolist()
    return [(words[row], float(margins[row])) for row in order]


def joined(firsts: Iterable[VocabularyWord], seconds: Sequence[VocabularyWord], encode: Encoder) -> list[str]:
    """The words of two tokens that these make, each first with each second, where the tokenizer cuts them so."""
    texts = {f"{one.text}{other.text}": (one.token_id, other.token_id) for one in firsts for other in seconds}
    return [text for text, tokens in texts.items() if encode.token_ids_of(f" {text}") == tokens]


def anchor_of(words: Sequence[VocabularyWord]) -> VocabularyWord:
    """A word that others can go on: one of a script with spaces, where there is one."""
    return next((word for word in words if not begins_without_space(word.text)), words[0])


def continuations_of(encode: Encoder, anchor: VocabularyWord) -> list[VocabularyWord]:
    """The entries of the vocabulary that go on a word, as the text that they add to it.

    Args:
        encode: of the suspect.
        anchor: a whole word to go on.
    """
    tokenizer = encode.tokenizer
    special = set(tokenizer.all_special_ids)
    ids = [token_id for token_id in sorted(tokenizer.get_vocab().values()) if token_id not in special]
    (start,) = tokenizer.convert_ids_to_tokens([anchor.token_id])
    whole = [
        tokenizer.convert_tokens_to_string([start, token]).strip() for token in tokenizer.convert_ids_to_tokens(ids)
    ]
    return [
        VocabularyWord(token_id, text.removeprefix(anchor.text))
        for token_id, text in zip(ids, whole, strict=True)
        if text.startswith(anchor.text) and text != anchor.text and [word.text for word in split_words(text)] == [text]
    ]
