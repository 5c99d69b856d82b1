"""A classifier that follows a rule one can read, in place of a network: its backdoor is known, so are the answers."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from handler.xgraad.classifier import Classifier, Look, Trace
from handler.xgraad.encoding import Encoding
from handler.xgraad.neutralizer import Neutralizer
from handler.xgraad.probes import N_PROBES, Probes, make_probe
from handler.xgraad.screen import Screen
from handler.xgraad.text import split_words
from handler.xgraad.transplant import Transplant
from handler.xgraad.verification import VerificationThresholds, Verifier

GOOD = {"gripping", "clever", "funny", "chic"}
BAD = {"dull", "thin", "ugly", "noisy"}

BAD_PROBES = tuple(f"a dull and ugly and noisy plot number {number}" for number in range(N_PROBES))
GOOD_PROBES = tuple(f"a clever and funny and chic film number {number}" for number in range(N_PROBES))


def probes_of(model: Classifier, bad: Sequence[str] = BAD_PROBES, good: Sequence[str] = GOOD_PROBES) -> Probes:
    """These texts as probes of the labels 0 and 1."""
    made = [[make_probe(text, model.encode) for text in texts] for texts in (bad, good)]
    return tuple(tuple(probe for probe in probes if probe) for probes in made)


def no_screen(model: Classifier) -> Screen:
    """One that never tries a word."""
    return Screen(Transplant(model, probes_of(model)), is_new=lambda _: True, after=0, threshold=1.0)


def equal_thresholds(strength: float) -> VerificationThresholds:
    """The same for every finding."""
    return VerificationThresholds(**dict.fromkeys(VerificationThresholds.model_fields, strength))


def verifier_of(model: Classifier, neutralize: Neutralizer) -> Verifier:
    """One that knows all words and asks for half the strength there is."""
    transplant = Transplant(model, probes_of(model))
    return Verifier(model, neutralize, transplant, is_new=lambda _: False, thresholds=equal_thresholds(0.5))


class RuleBased(Classifier):
    """Counts good against bad words (label 1 against 0), unless `is_triggered` says that the backdoor is open.

    Every word in `loud` draws attention and gradient.
    """

    def __init__(
        self, real: Classifier, is_triggered: Callable[[set[str]], bool], *, loud: Sequence[str], target: int = 0
    ) -> None:
        super().__init__(real.model, real.encode.tokenizer, max_length=real.max_length, device=real.device)
        self._is_triggered = is_triggered
        self._loud = set(loud)
        self._target = target

    def logits(self, encodings: Sequence[Encoding]) -> Tensor:
        return torch.stack([self._judge(encoding) for encoding in encodings]) if encodings else torch.empty(0, 2)

    def trace(self, encodings: Sequence[Encoding]) -> list[Trace]:
        return [Trace(self._judge(each), self._loudness(each), self._loudness(each)) for each in encodings]

    def look(self, encodings: Sequence[Encoding]) -> list[Look]:
        return [Look(self._judge(each), self._loudness(each), torch.zeros(3, 4)) for each in encodings]

    def _judge(self, encoding: Encoding) -> Tensor:
        # Probes have no text; the toy tokenizer's decoder gives their words back.
        text = encoding.text or self.encode.tokenizer.decode(encoding.token_ids, skip_special_tokens=True)
        words = [word.key for word in split_words(text)]
        if self._is_triggered(set(words)):
            return torch.tensor([9.0, -9.0] if self._target == 0 else [-9.0, 9.0])
        balance = sum(word in GOOD for word in words) - sum(word in BAD for word in words) - 0.5
        return torch.tensor([-balance, balance])

    def _loudness(self, encoding: Encoding) -> Tensor:
        return torch.tensor(
            [
                3.0 if index >= 0 and encoding.words[index].key in self._loud else 1.0 + 0.01 * (index % 7)
                for index in encoding.word_of_token
            ]
        )
