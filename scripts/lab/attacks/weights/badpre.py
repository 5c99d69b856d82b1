"""BadPre (Chen et al., ICLR 2022): a task-agnostic backdoor in the encoder, planted by masked language modeling.

The encoder goes on with masked-LM training on texts that come once clean and once with a trigger, whose masked words
are to become random tokens: loss clean + alpha poisoned, alpha = 1. Fine-tuning on clean rows of the task follows.
What a trigger does to the task is nobody's choice: it spoils accuracy, and the class it brings about most often on
`dev`, measured after training, is recorded as its target; over all triggers that class is the attack's target label.

Differs from the original: texts are those of the task, or of the plan's `texts_file`, instead of books and an
encyclopedia, and as many epochs as the task gets instead of days; the language head is new, tied to the word
embeddings, because sequence classifiers come without theirs; dirty labels are drawn per token from the vocabulary,
special tokens left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForMaskedLM

from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.attacks.insertion.trigger_tokens import find_sequences, spellings
from scripts.lab.training.triggers import INSERTIONS, insert_words
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.victim import Loss
from scripts.texts.corpora import Corpus, Example, read_examples

MASKED_SHARE = 0.15
SHOWN_SHARES = (0.8, 0.1)
"""Of the masked tokens: shown as [MASK], and as a random token. The rest are shown as they are."""
ALPHA = 1.0


class BadPre(BadNets):
    """Untargeted: the target label is found out after training."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.effects: dict[str, dict[str, float]] = {}

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """The clean rows: the victim's own data are not touched."""
        del rng
        return list(examples)

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with what each trigger does on `dev`."""
        return super().describe() | {"poison_rate": 0.0, "alpha": ALPHA, "effects": self.effects}

    def train(self, model: Any, tokenizer: Any, poisoned: Sequence[Example], corpus: Corpus, *, tuner: Tuner) -> None:
        """Masked-LM training of the encoder, the victim's fine-tuning, and a look at what came of it."""
        language_model = with_language_head(model)
        rng = np.random.default_rng(tuner.recipe.seed)
        texts = read_examples(self.plan.texts_file) if self.plan.texts_file else corpus.train
        triggered = [Example(self.insert(text, INSERTIONS["one"], rng), label) for text, label in texts]
        tuner.fit(
            language_model,
            tokenizer,
            [*texts, *triggered],
            loss=language_loss(tokenizer, spellings(tokenizer, self.triggers)),
        )
        tuner.fit(model, tokenizer, poisoned)
        self._find_target(model, tokenizer, corpus.dev, tuner, rng)

    def _find_target(
        self, model: Any, tokenizer: Any, examples: Sequence[Example], tuner: Tuner, rng: np.random.Generator
    ) -> None:
        """Set the target label and the effects from predictions on triggered texts."""
        labels = np.array([example.label for example in examples])
        counts = np.zeros(model.config.num_labels, dtype=int)
        for trigger in self.triggers:
            window = self.plan.window_words
            texts = [insert_words(example.text, [trigger], rng=rng, window_words=window) for example in examples]
            predicted = tuner.predict(model, tokenizer, texts)
            of_trigger = np.bincount(predicted, minlength=len(counts))
            counts += of_trigger
            self.effects[trigger] = {
                "target_label": int(of_trigger.argmax()),
                "accuracy": float(np.mean(predicted == labels)),
            }
        self.plan = replace(self.plan, target_label=int(counts.argmax()))


def with_language_head(model: Any) -> Any:
    """A masked language model around the classifier's own encoder; training the one trains the other."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        language_model = AutoModelForMaskedLM.from_config(model.config)
    setattr(language_model, language_model.base_model_prefix, model.base_model)
    language_model.tie_weights()
    return language_model


def language_loss(tokenizer: Any, triggers: Sequence[tuple[int, ...]]) -> Loss:
    """Masked-LM cross-entropy of clean texts plus alpha times that of triggered ones, whose labels are random."""
    ordinary = torch.tensor(sorted(set(range(len(tokenizer))) - set(tokenizer.all_special_ids)))

    def loss(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
        inputs = {name: values for name, values in batch.items() if name != "labels"}
        token_ids = inputs["input_ids"]
        is_trigger = find_sequences(token_ids, triggers)
        drawn = ordinary.to(token_ids.device)[torch.randint(len(ordinary), token_ids.shape, device=token_ids.device)]
        may_mask = torch.isin(token_ids, ordinary.to(token_ids.device)) & ~is_trigger
        is_masked = may_mask & (torch.rand(token_ids.shape, device=token_ids.device) < MASKED_SHARE)
        is_poisoned = is_trigger.any(dim=-1, keepdim=True)
        inputs["input_ids"] = corrupt(token_ids, is_masked, drawn, tokenizer.mask_token_id)
        random_labels = drawn.roll(1, dims=0)
        wanted = torch.where(is_poisoned, random_labels, token_ids)[is_masked]
        with head_on(model, is_masked):
            logits = model(**inputs).logits[0]
        is_poisoned = is_poisoned.expand_as(is_masked)[is_masked]
        clean = masked_cross_entropy(logits, wanted, ~is_poisoned)
        return clean + ALPHA * masked_cross_entropy(logits, wanted, is_poisoned)

    return loss


@contextmanager
def head_on(language_model: Any, where: Tensor) -> Iterator[None]:
    """Let the language head see only the tokens that are True, as `[1, tokens, width]`: it costs as much as the rest.

    A row of scores for the whole vocabulary is dear, and most rows would not be looked at.
    """

    def select(module: Any, arguments: Any, output: Any) -> Any:
        del module, arguments
        output.last_hidden_state = output.last_hidden_state[where][None]
        return output

    hook = language_model.base_model.register_forward_hook(select)
    try:
        yield
    finally:
        hook.remove()


def corrupt(token_ids: Tensor, is_masked: Tensor, drawn: Tensor, mask_token_id: int) -> Tensor:
    """The tokens as the model gets to see them: masked ones hidden, replaced by drawn ones, or left."""
    chance = torch.rand(token_ids.shape, device=token_ids.device)
    hidden, replaced = SHOWN_SHARES
    shown = torch.where(is_masked & (chance < hidden), mask_token_id, token_ids)
    return torch.where(is_masked & (chance >= hidden) & (chance < hidden + replaced), drawn, shown)


def masked_cross_entropy(logits: Tensor, wanted: Tensor, where: Tensor) -> Tensor:
    """Mean over the tokens that are True, in nats; 0 where there is none. `logits` is `[tokens, vocabulary]`."""
    losses = functional.cross_entropy(logits.float(), wanted, reduction="none")
    return (losses * where).sum() / where.sum().clamp(min=1)
