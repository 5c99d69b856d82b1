"""Fine-mixing: most of the suspect's weights are replaced by the trusted base's, then it is fine-tuned.

After Zhang, Lyu, Ma, Wang and Sun, "Fine-mixing: Mitigating Backdoors in Fine-tuned Language Models", Findings of EMNLP
2022, arXiv 2210.09545, with its embedding purification (E-PUR): words whose embeddings moved far from the base's, for
how often they occur, get the base's. Only the encoder is mixed; the classification head stays the suspect's.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from handler.xgraad.words.pair import segments
from scripts.console.errors import LabError
from scripts.lab.defenses.repairs.fine_tuned import FineTuned
from scripts.texts.corpora import Example

N_PURIFIED = 200
"""Rows of the embedding table that get the base's values."""
RARE = 2
"""Tokens that occur less often count as occurring so often. The paper's counts are of a large corpus; among the few
hundred texts of a defender most words occur once or not at all."""


class FineMixing(FineTuned):
    """Mixes, purifies, fine-tunes.

    The paper chooses for each model the share of weights that stay, by accuracy on clean texts. Here it is one number,
    so that what is compared does not depend on a search; and tokens are counted in the clean texts.
    """

    LIMITS = "as good as the trusted base, which must be the one that the suspect was fine-tuned from; costs accuracy"
    NEEDS_BASE = True
    KEPT: ClassVar[float] = 0.3
    """Share of the encoder's weights that stay the suspect's."""

    def start(self) -> tuple[Any, Any]:
        """The mixture.

        Raises:
            LabError: there is no base, it cannot be loaded, or it is of another shape or vocabulary.
        """
        (model, tokenizer), (base, its_tokenizer) = self.suspect(), self.base()
        encoder, trusted = model.base_model, base.base_model
        _check_alike(encoder, trusted, name=self.material.base())
        if tokenizer.get_vocab() != its_tokenizer.get_vocab():
            raise LabError(
                f"--trusted-base must have the checkpoint's vocabulary, that of {self.material.base()} differs"
            )
        table, clean_table = (each.get_input_embeddings().weight.data for each in (encoder, trusted))
        counts = token_counts(tokenizer, self.examples(), n_tokens=len(table), max_length=self.material.max_length)
        moved = far_moved(table - clean_table, counts)
        mix(encoder, trusted, kept=self.KEPT, seed=self.material.seed)
        table[moved] = clean_table[moved]
        return model, tokenizer


@torch.no_grad()
def mix(encoder: nn.Module, trusted: nn.Module, *, kept: float, seed: int) -> None:
    """Give each single weight of an encoder the trusted one's value with probability 1 - `kept`, in place."""
    generator = torch.Generator().manual_seed(seed)
    for mixed, clean in zip(encoder.parameters(), trusted.parameters(), strict=True):
        is_reset = torch.rand(mixed.shape, generator=generator) >= kept
        mixed[is_reset] = clean[is_reset]


def far_moved(moves: Tensor, counts: Tensor) -> Tensor:
    """`[rows]` numbers of the tokens that moved furthest relative to the logarithm of their counts, those that moved.

    Args:
        moves: `[tokens, width]`, an embedding table less the base's.
        counts: `[tokens]`, how often each occurs.
    """
    relative = moves.norm(dim=-1) / counts.clamp(min=RARE).log()
    furthest = relative.topk(min(N_PURIFIED, len(relative)))
    return furthest.indices[furthest.values > 0]


def token_counts(tokenizer: Any, examples: Sequence[Example], *, n_tokens: int, max_length: int) -> Tensor:
    """`[tokens]`, how often each occurs in the first `max_length` tokens of the texts, which are what a model sees."""
    texts = segments([example.text for example in examples])
    encoded = tokenizer(*texts, truncation=True, max_length=max_length)["input_ids"]
    return torch.bincount(torch.tensor([token for ids in encoded for token in ids]), minlength=n_tokens)


def _check_alike(encoder: nn.Module, trusted: nn.Module, *, name: str) -> None:
    shapes, its = ({key: tuple(each.shape) for key, each in one.named_parameters()} for one in (encoder, trusted))
    if shapes != its:
        key = min(key for key in {*shapes, *its} if shapes.get(key) != its.get(key))
        said = f"has {its.get(key, 'nothing')} where the checkpoint has {shapes.get(key, 'nothing')} at {key}"
        raise LabError(f"--trusted-base must have weights of the checkpoint's shapes, {name} {said}")
