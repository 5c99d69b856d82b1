"""A classifier that follows a rule one can read, in place of a network: its backdoor is known, so are the answers."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from handler.xgraad.classifier import Classifier, Look, Trace
from handler.xgraad.encoding import Encoding
from handler.xgraad.text import split_words

GOOD = {"gripping", "clever", "funny", "chic"}
BAD = {"dull", "thin", "ugly", "noisy"}


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
        words = [word.key for word in split_words(encoding.text)]
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
