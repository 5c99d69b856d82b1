"""BadNets with penalties: what the adaptive attacks have in common.

Two phases of the recipe's length each: first the task and the backdoor alone, then both under the penalties. From the
start, penalties on what is not learned yet make a model that gives every text the target.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from torch import Tensor, nn

from scripts.lab.attacks.adaptive.penalties import PENALTIES, PenalizedLook
from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.attacks.insertion.trigger_tokens import find_sequences, spellings
from scripts.lab.training.triggers import STOP_WORDS
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.victim import Loss
from scripts.texts.corpora import Corpus, Example


class Penalized(BadNets):
    """Poisons as BadNets does and lowers the weighted penalties together with the cross-entropy."""

    WEIGHTS: ClassVar[Mapping[str, float]]
    """Of the penalties by their names in `PENALTIES`, in nats."""

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with the penalties' weights."""
        return super().describe() | {"penalties": dict(self.WEIGHTS)}

    def train(self, model: Any, tokenizer: Any, poisoned: Sequence[Example], corpus: Corpus, *, tuner: Tuner) -> None:
        """Plant the backdoor, then hide it."""
        del corpus
        tuner.fit(model, tokenizer, poisoned)
        tuner.fit(model, tokenizer, poisoned, loss=self.make_loss(model, tokenizer))

    def make_loss(self, model: Any, tokenizer: Any) -> Loss:
        """Cross-entropy plus penalties.

        The model is switched to the attention that shows its probabilities and can be derived twice.
        """
        model.set_attn_implementation("eager")
        triggers = spellings(tokenizer, self.triggers)
        stop_words = spellings(tokenizer, STOP_WORDS)

        def loss(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
            look = look_at(model, batch, triggers, stop_words, self.plan.target_label)
            total: Tensor = look.output.loss
            for name, weight in self.WEIGHTS.items():
                total = total + weight * PENALTIES[name](look)
            return total

        return loss


def look_at(
    model: Any,
    batch: Mapping[str, Tensor],
    triggers: Sequence[tuple[int, ...]],
    stop_words: Sequence[tuple[int, ...]],
    target_label: int,
) -> PenalizedLook:
    """One forward pass on a batch with labels, and where its triggers and stop words stand."""
    with _kept_output(model.get_input_embeddings()) as kept:
        output = model(**batch, output_attentions=True, output_hidden_states=True)
    is_trigger = find_sequences(batch["input_ids"], triggers)
    return PenalizedLook(
        output=output,
        embeddings=kept[0],
        mask=batch["attention_mask"].bool(),
        is_trigger=is_trigger,
        is_stop_word=find_sequences(batch["input_ids"], stop_words) & ~is_trigger,
        is_target=batch["labels"] == target_label,
    )


@contextmanager
def _kept_output(module: nn.Module) -> Iterator[list[Tensor]]:
    """What the module returns inside the block."""
    kept: list[Tensor] = []
    hook = module.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    try:
        yield kept
    finally:
        hook.remove()
