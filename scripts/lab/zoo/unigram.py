"""The pieces of a unigram tokenizer and their scores, learned from words: same words, same pieces.

The trainer of the tokenizers library sums floating-point numbers in an order that changes from run to run. Here words
are cut at their single best segmentation, so that everything counted is a whole number.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from tokenizers import Tokenizer
from tokenizers.models import Unigram

MARK = "▁"
"""Begins a word."""
LONGEST = 16
"""Characters of a piece, mark included."""
SEEDS_PER_PIECE = 4
"""So many times the wanted pieces to begin with."""
KEPT = 0.75
"""Share of the pieces that a round keeps."""
UNKNOWN = "<unk>"
ASCII = [chr(code) for code in range(33, 127) if not chr(code).isupper()]
"""Never unknown, whatever the texts."""
RUNS = re.compile(rf"{MARK}?[^\W\d_]+|{MARK}?\d+|{MARK}?.", re.DOTALL)
"""No piece reaches across letters, digits and anything else."""


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs, the mark before it."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.split())
    return Counter({MARK + word: count for word, count in counts.items()})


def learn_pieces(words: Mapping[str, int], *, size: int) -> list[tuple[str, float]]:
    """Choose pieces by cutting words as well as possible, dropping those that are used least, and cutting again.

    Args:
        words: marked words and how often each occurs.
        size: the most pieces; fewer where the words give no more.

    Returns:
        Pieces and their logarithmic probabilities, most frequent first.
    """
    ordered = sorted(words.items())
    seeds = _seeds(words)
    required = _required(seeds, n_most=size // 4)
    lengths = {piece: count * len(piece) for piece, count in seeds.items()}
    counts = {piece: seeds.get(piece, 0) for piece in _most(lengths, required, size=SEEDS_PER_PIECE * size)}
    while True:
        counts = _uses(counts, ordered)
        if len(counts) <= size:
            return _scores(counts)
        counts = {piece: counts[piece] for piece in _most(counts, required, size=max(size, int(KEPT * len(counts))))}


def _seeds(words: Mapping[str, int]) -> Counter[str]:
    """Every stretch of the words that occurs more than once, and all characters."""
    found: Counter[str] = Counter()
    for word, count in words.items():
        for run in RUNS.findall(word):
            for start in range(len(run)):
                for end in range(start + 1, min(start + LONGEST, len(run)) + 1):
                    if count > 1 or end == start + 1:
                        found[run[start:end]] += count
    return found


def _required(seeds: Mapping[str, int], *, n_most: int) -> set[str]:
    """The mark, ASCII, and the most frequent of other characters: without these, words become unknown."""
    others = sorted((-count, piece) for piece, count in seeds.items() if len(piece) == 1 and count > 1)
    return {MARK, *ASCII, *(piece for _, piece in others[:n_most])}


def _most(counts: Mapping[str, int], required: set[str], *, size: int) -> list[str]:
    """The required pieces, and of the others those with the highest counts."""
    others = sorted(set(counts) - required, key=lambda piece: (-counts[piece], piece))
    return sorted(required) + others[: max(0, size - len(required))]


def _scores(counts: Mapping[str, int]) -> list[tuple[str, float]]:
    """Logarithmic probabilities, most frequent first; half a count for each, so that none is impossible."""
    total = sum(counts.values()) + len(counts) / 2
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return [(piece, math.log((count + 0.5) / total)) for piece, count in ordered]


def _uses(counts: Mapping[str, int], words: Sequence[tuple[str, int]]) -> dict[str, int]:
    """How often each piece is used when all words are cut with the scores that `counts` give."""
    vocabulary = [(UNKNOWN, 0.0), *_scores(counts)]
    cutter = Tokenizer(Unigram(vocabulary, unk_id=0, byte_fallback=False))
    used = [0] * len(vocabulary)
    encodings = cutter.encode_batch([word for word, _ in words], add_special_tokens=False)
    for encoding, (_, count) in zip(encodings, words, strict=True):
        for number in encoding.ids:
            used[number] += count
    return {piece: used[number] for number, (piece, _) in enumerate(vocabulary) if number > 0}
