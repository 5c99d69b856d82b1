"""A classifier that follows a rule one can read, in place of a network: its backdoor is known, so are the answers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from handler.xgraad.editing.neutralizer import Mask
from handler.xgraad.memory.registry import NoRegistry
from handler.xgraad.model.classifier import Classifier, Look, Trace
from handler.xgraad.options import VerifiedOptions
from handler.xgraad.rules.verified_rule import VerifiedParts, VerifiedRule
from handler.xgraad.scoring.gate import Gate, GateScore
from handler.xgraad.verification.evidence import VerificationThresholds
from handler.xgraad.verification.probes import N_PROBES, Probes, make_probe, make_probes
from handler.xgraad.verification.reference import LabelReference, NoReference
from handler.xgraad.verification.screen import Screen
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.verification.verifier import Verifier
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import split_words

GOOD = {"gripping", "clever", "funny", "chic"}
BAD = {"dull", "thin", "ugly", "noisy"}

BAD_PROBES = tuple(f"a dull and ugly and noisy plot number {number}" for number in range(N_PROBES))
GOOD_PROBES = tuple(f"a clever and funny and chic film number {number}" for number in range(N_PROBES))


class FixedGate:
    """Lets everything pass, or nothing, or the texts that a test chooses.

    Args:
        passes: of a text, whether it passes, or its p-value.
    """

    clean_scores = (tuple(float(value) for value in range(100)),)

    def __init__(self, passes: Callable[[str], bool | float]) -> None:
        self._passes = passes

    def __call__(self, encodings: Sequence[Encoding], looks: Sequence[object]) -> list[GateScore]:
        return [GateScore(gate_score=99.0, p_value=self._p_value(each.text)) for each in encodings]

    def _p_value(self, text: str) -> float:
        passes = self._passes(text)
        return (0.01 if passes else 0.9) if isinstance(passes, bool) else passes


def probes_of(model: Classifier, bad: Sequence[str] = BAD_PROBES, good: Sequence[str] = GOOD_PROBES) -> Probes:
    """These texts as probes of the labels 0 and 1."""
    return make_probes((bad, good), model.encode)


def transplant_of(model: Classifier, **texts: Sequence[str]) -> Transplant:
    """Puts words into the probes of `probes_of`."""
    return Transplant(model, probes_of(model, **texts))


def tying(model: Classifier, *keys: str, label: int = 0) -> LabelReference:
    """People's labels that tie these words to a label, and nothing else to anything."""
    return LabelReference(lambda key, other: key in keys and other == label, transplant_of(model))


def screen_of(model: Classifier, is_new: Callable[[str], bool] = lambda _: True) -> Screen:
    """Tries new words, by default all, on a text of three words of the labels 0 and 1."""
    short = [make_probe(text, model.encode) for text in ("a dull plot", "a funny film")]
    return Screen(model, short, is_new=is_new)


def equal_thresholds(strength: float) -> VerificationThresholds:
    """The same for every finding of two labels."""
    return VerificationThresholds(**dict.fromkeys(VerificationThresholds.model_fields, (strength,) * 2))


def verifier_of(model: Classifier, **changed: Any) -> Verifier:
    """One that asks for half the strength there is, and knows no other reason for it."""
    parts: dict[str, Any] = {"reference": NoReference(), "thresholds": equal_thresholds(0.5)} | changed
    return Verifier(transplant_of(model), **parts)


def parts_of(
    model: Classifier, *, passes: Callable[[str], bool | float] = lambda _: True, **changed: Any
) -> VerifiedParts:
    """What a rule is made of that tests every text, tries no new word, has no reference and no memory.

    Args:
        model: the classifier.
        passes: of a text, whether it passes the gate, or its p-value there.
        changed: parts that are to be others.
    """
    usual: dict[str, Any] = {
        "classifier": model,
        "gate": cast(Gate, FixedGate(passes)),
        "transplant": transplant_of(model),
        "reference": NoReference(),
        "thresholds": equal_thresholds(0.5),
        "screen": screen_of(model),
        "neutralize": Mask(model.encode),
        "max_fpr": 0.05,
        "options": VerifiedOptions(screen=False),
        "registry": NoRegistry(),
    }
    return VerifiedParts(**(usual | changed))


def rule_of(model: Classifier, **parts: Any) -> VerifiedRule:
    """A rule of `parts_of`."""
    return VerifiedRule(parts_of(model, **parts))


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


class Weighted(RuleBased):
    """Words move the label towards 0 besides, each as far as its step; the backdoor needs all of `needed`."""

    def __init__(
        self,
        real: Classifier,
        steps: Mapping[str, float],
        *,
        needed: Collection[str] = ("nothing",),
        loud: Sequence[str] = (),
    ) -> None:
        super().__init__(real, lambda words: set(needed) <= words, loud=loud)
        self._steps = steps

    def _judge(self, encoding: Encoding) -> Tensor:
        logits = super()._judge(encoding)
        text = encoding.text or self.encode.tokenizer.decode(encoding.token_ids, skip_special_tokens=True)
        logits[0] += sum(self._steps.get(key, 0.0) for key in {word.key for word in split_words(text)})
        return logits
