"""BAN: fine-tuning that stays right while its neurons are disturbed as badly as possible.

The repair of Xu, Liu, Koffas, Yu and Picek, "BAN: Detecting Backdoors Activated by Adversarial Neuron Noise", NeurIPS
2024. Backdoored neurons are the most sensitive to such noise, so the task is learned to do without them.

Theirs is for images: noise on the gains and biases of batch norms, SGD. Here it is on those of layer norms, under the
optimizer that all repairs share, for as many epochs as these have.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call
from transformers.models.deberta.modeling_deberta import DebertaLayerNorm

from scripts.lab.defenses.repairs.fine_tuned import FineTuned
from scripts.lab.training.victim import Loss, classification_loss

NORMS = (nn.LayerNorm, DebertaLayerNorm)
Noise = dict[str, Tensor]
"""What is added to 1 and multiplied with the parameter of that name."""


class NeuronNoise(FineTuned):
    """Lowers the cross-entropy with and without noise that is made anew for every batch."""

    LIMITS = "clean texts alone say what stays right: a backdoor in neurons that the task needs, too, survives in part"
    EPS: ClassVar[float] = 0.3
    """The most that noise may change a parameter, as a share of it."""
    STEPS: ClassVar[int] = 1
    """Uphill, from a random start, each of `EPS` divided by their number."""
    WEIGHT: ClassVar[float] = 0.5
    """Of the cross-entropy under noise."""
    STAYS_WITHIN: ClassVar[bool] = True
    """Whether noise is brought back to `EPS` after each step."""

    def loss(self) -> Loss:
        """Cross-entropy, plus that under noise."""

        def noisy(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
            noise = self.worst_noise(model, batch)
            return classification_loss(model, batch) + self.WEIGHT * loss_under(noise, model, batch)

        return noisy

    def worst_noise(self, model: Any, batch: Mapping[str, Tensor]) -> Noise:
        """Noise under which the loss on this batch is high."""
        noise = {
            name: torch.empty_like(parameter).uniform_(-self.EPS, self.EPS)
            for name, parameter in norm_parameters(model)
        }
        for _ in range(self.STEPS):
            leaves = {name: each.detach().requires_grad_() for name, each in noise.items()}
            uphill = torch.autograd.grad(loss_under(leaves, model, batch), tuple(leaves.values()))
            for each, gradient in zip(noise.values(), uphill, strict=True):
                each.add_(gradient.sign(), alpha=self.EPS / self.STEPS)
                if self.STAYS_WITHIN:
                    each.clamp_(-self.EPS, self.EPS)
        return noise


class NeuronNoisePublished(NeuronNoise):
    """As the public code has it, where the line that keeps noise within `EPS` is commented out: it reaches twice that.

    At 0.6 a gain falls to 0.4 of what it was: what the paper's `EPS` means is not what is trained against.
    """

    STAYS_WITHIN: ClassVar[bool] = False


def norm_parameters(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Names and tensors of all gains and biases of layer norms; those that layers share come once."""
    for name, module in model.named_modules():
        if isinstance(module, NORMS):
            yield from module.named_parameters(prefix=name)


def loss_under(noise: Noise, model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy of the model whose parameters w are (1 + d) w for the noise d; its gradient reaches w and d."""
    noisy = {name: model.get_parameter(name) * (1 + each) for name, each in noise.items()}
    loss: Tensor = functional_call(model, noisy, kwargs=dict(batch)).loss
    return loss
