"""Where no word of a text is a trigger alone: are several of them one together?

The run around the most suspicious word, the suspicious words with small gaps filled, and the words that move clean
texts a little each. What does something together and not enough is tried once more with more words of its text. What is
strong is pruned to the words that it needs.
"""

from collections.abc import Iterable, Sequence
from itertools import chain, count

from handler.xgraad.scoring.scorer import Score
from handler.xgraad.verification.bundles import bundles, larger
from handler.xgraad.verification.evidence import Measured, VerificationThresholds
from handler.xgraad.verification.pruning import prune
from handler.xgraad.verification.reference import Reference, unexplained_pulls
from handler.xgraad.verification.suspect import Grafted, SuspectWords, measured, strongest, unknown_words
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.text import Word, in_text_order

LEAST_MOVED = 0.05
"""How far a word of a set moves one clean text at the least, see `Transplant.pulls`."""
LEAST_PULL = 0.3
"""How far what is left of a set without its honest words must move clean texts."""
MOST_BY_ONE = 0.75
"""Share of a pruned set's pull that one of its words may have alone, if the set is to be more than that word."""
STIRRING = 0.1
"""How far a set must move one clean text, and"""
PROMISING = 0.3
"""a few of them on average, to be tried with more words."""
N_TRIED = 2
"""Probes that tell whether a set is worth more of them."""
N_PROMISING = 3


class SetTest:
    """Runs the test for many texts at once.

    Args:
        transplant: puts words into the suspect's clean texts.
        reference: says what has another reason than a backdoor.
        thresholds: what a trigger must exceed.
        exhaustive: whether every set is tried, whatever the others are, and left as it is.
    """

    def __init__(
        self,
        transplant: Transplant,
        reference: Reference,
        thresholds: VerificationThresholds,
        *,
        exhaustive: bool = False,
    ) -> None:
        self._transplant = transplant
        self._reference = reference
        self._thresholds = thresholds
        self._exhaustive = exhaustive

    def __call__(
        self, scores: Sequence[Score], candidates: Sequence[Sequence[Word]], *, runs: Sequence[bool]
    ) -> list[tuple[Measured, ...]]:
        """For each text what is strong together, pruned and with the strength of the whole it was pruned from.

        Sets of few words come first, and one trigger is enough: another of the same text shows itself when this one is
        gone.

        Args:
            scores: of the texts.
            candidates: their suspicious words, the most suspicious first.
            runs: whether runs of their words are tried, too.
        """
        seeds = self._seeds(scores, candidates, runs)
        found = self._measured(seeds)
        has_trigger = [self._has_trigger(score, of_text) for score, of_text in zip(scores, found, strict=True)]
        weak = [[] if has_one else of_text for of_text, has_one in zip(seeds, has_trigger, strict=True)]
        more = self._measured(self._larger(weak))
        return [(*few, *many) for few, many in zip(found, more, strict=True)]

    def _seeds(
        self, scores: Sequence[Score], candidates: Sequence[Sequence[Word]], runs: Sequence[bool]
    ) -> list[list[SuspectWords]]:
        """The sets of each text that are tried first."""
        unknown = unknown_words(scores, candidates, self._reference)
        pulls = iter(self._transplant.pulls([each.grafts()[0] for each in chain(*unknown)], n_probes=1))
        seeds = []
        for score, suspicious, of_text, has_runs in zip(scores, candidates, unknown, runs, strict=True):
            moving = in_text_order(each.words[0] for each in of_text if next(pulls) >= LEAST_MOVED)
            sets = dict.fromkeys([*(bundles(score.spans(), suspicious) if has_runs else ()), moving])
            seeds.append([SuspectWords(score, words) for words in sets if len(words) > 1])
        return seeds

    def _larger(self, seeds: Sequence[Sequence[SuspectWords]]) -> list[list[SuspectWords]]:
        """More words of its text around each set that moves clean texts and has no reason to."""
        grafts = [each.grafts()[0] for each in chain(*seeds)]
        stirring = [row for row, pull in enumerate(self._transplant.pulls(grafts, n_probes=1)) if pull >= STIRRING]
        pulls = unexplained_pulls(
            self._transplant,
            self._reference,
            [grafts[row] for row in stirring],
            least=[PROMISING] * len(stirring),
            n_probes=N_PROMISING,
        )
        chosen = {row for row, pull in zip(stirring, pulls, strict=True) if pull is not None}
        rows = count()
        return [
            [
                SuspectWords(seed.score, words)
                for seed in of_text
                if next(rows) in chosen
                for words in larger(seed.score.spans(), seed.words)
            ]
            for of_text in seeds
        ]

    def _measured(self, suspects: Sequence[Sequence[SuspectWords]]) -> list[list[Measured]]:
        """Of each text's sets the strong ones, pruned, up to the first trigger."""
        self._transplant.strengths([graft for each in chain(*suspects) for graft in each.grafts()], n_probes=N_TRIED)
        return [self._up_to_a_trigger(of_text) for of_text in suspects]

    def _up_to_a_trigger(self, suspects: Sequence[SuspectWords]) -> list[Measured]:
        found: list[Measured] = []
        for suspect in sorted(suspects, key=lambda each: len(each.words)):
            whole = self._strongest(suspect)
            pruned = self._pruned(suspect) if self._is_strong(whole) else None
            if pruned:
                graft = Grafted(whole.strength, self._strongest(pruned).graft)
                found += measured([pruned], [graft], self._thresholds.together, self._reference)
                if self._has_trigger(suspect.score, found):
                    break
        return found

    def _pruned(self, suspect: SuspectWords) -> SuspectWords | None:
        """The words that it needs to be strong, without those that are so alone.

        None where little is left without its honest words, or one word, which was tested alone.
        """
        alone = [suspect.only([word]) for word in suspect.words]
        honest = self._reference.explains([each.grafts()[0] for each in alone])
        rest = [word for word, is_honest in zip(suspect.words, honest, strict=True) if not is_honest]
        if not rest or self._transplant.pulls(suspect.only(rest).grafts()[:1])[0] < LEAST_PULL:
            return None
        single = self._thresholds.single[suspect.target]
        strengths = strongest(self._transplant, [each.grafts() for each in alone])
        left = [word for word, each in zip(suspect.words, strengths, strict=True) if each.strength <= single]
        if len(left) < 2 or not self._is_strong(self._strongest(suspect.only(left))):
            return None
        if self._exhaustive:
            return suspect.only(left)
        pruned = prune(suspect.only(left), self._transplant, self._thresholds.together[suspect.target])
        return None if self._is_one_word(pruned) else pruned

    def _is_one_word(self, suspect: SuspectWords) -> bool:
        """Whether a word does nearly all that the set does. It was tested alone, and found to be no trigger."""
        alone = [suspect.only([word]).grafts()[0] for word in suspect.words]
        whole, *pulls = self._transplant.pulls([suspect.grafts()[0], *alone])
        return max(pulls) > MOST_BY_ONE * whole

    def _strongest(self, suspect: SuspectWords) -> Grafted:
        return strongest(self._transplant, [suspect.grafts()], above=self._thresholds.together[suspect.target])[0]

    def _is_strong(self, grafted: Grafted) -> bool:
        return grafted.strength > self._thresholds.together[grafted.graft.target]

    def _has_trigger(self, score: Score, found: Iterable[Measured]) -> bool:
        threshold = self._thresholds.together[score.prediction.label_id]
        return not self._exhaustive and any(each.is_trigger(threshold) for each in found)
