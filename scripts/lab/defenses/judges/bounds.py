"""Bounds on what a model's neurons may say, learned so that clean texts keep their logits (BadActs' purification)."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from handler.xgraad.model.classifier import Classifier
from handler.xgraad.words.encoding import Encoding
from scripts.lab.defenses.judges.states import arguments_of
from scripts.lab.training.batches import batches_of_like_length

EPOCHS = 20
"""Published are 50, with `ADJUSTED` from 15 on. On a CPU so many take as long as the training of a victim."""
BATCH_SIZE = 32
LEARNING_RATE = 0.01
"""Of Adam, constant."""
TIGHTNESS = 0.1
"""Weight of the bounds' distance in what is lowered, at the start."""
TIGHTER = 1.2
"""What the weight is multiplied by, or divided, where enough texts keep their labels, or do not."""
ADJUSTED = range(5, EPOCHS, 5)
"""Epochs after which that is decided, counted from 0."""
ENOUGH = 0.98
"""Share of texts that keep their labels at which bounds may be tighter."""
ACCEPTED = 0.97
"""The same at which learning is done; below it all starts anew with half the weight."""
N_TRIES = 4
"""So often at most. Published without a limit, which a model of few texts may never reach."""


class Bounds:
    """For each neuron of each layer the most it may say, and how far below that the least lies.

    Args:
        n_layers: layers, and
        width: neurons of each.
        device: where the model is.
    """

    def __init__(self, n_layers: int, width: int, *, device: torch.device) -> None:
        self.upper = torch.ones(n_layers, width, device=device, requires_grad=True)
        self.log_distance = torch.ones(n_layers, width, device=device, requires_grad=True)

    def distance(self) -> Tensor:
        """Norm of the distances between upper and lower bounds, a scalar."""
        return torch.linalg.vector_norm(self.log_distance.exp())

    def clip(self, states: Tensor, layer: int) -> Tensor:
        """States after a layer, `[..., width]`, within its bounds."""
        upper = self.upper[layer]
        lower = upper - self.log_distance[layer].exp()
        return torch.maximum(torch.minimum(states, upper.to(states.dtype)), lower.to(states.dtype))

    @contextmanager
    def held(self, model: Any) -> Iterator[None]:
        """Within the block the model goes on from every layer with clipped states, of all tokens."""
        places = count()

        def start(_module: nn.Module, _inputs: Any) -> None:
            nonlocal places
            places = count()

        def clip(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            if isinstance(output, tuple):
                return self.clip(output[0], next(places)), *output[1:]
            return self.clip(output, next(places))

        with ExitStack() as hooks:
            hooks.callback(model.register_forward_pre_hook(start).remove)
            for layer in _layers(model):
                hooks.callback(layer.register_forward_hook(clip).remove)
            yield


def learn_bounds(classifier: Classifier, texts: Sequence[str], *, seed: int) -> Bounds:
    """As tight as nearly all of the texts allow to keep the label that the model gives them.

    Args:
        classifier: the model, which stays as it is.
        texts: clean ones that it classifies right.
        seed: of the order of texts.
    """
    encodings = classifier.encode(texts)
    weight = TIGHTNESS
    for _ in range(N_TRIES):
        bounds, kept = _Learning(classifier, encodings, seed=seed).run(weight)
        if kept >= ACCEPTED:
            break
        weight /= 2
    return bounds


def bounded_logits(classifier: Classifier, texts: Sequence[str], bounds: Bounds) -> Tensor:
    """`[texts, labels]` on the CPU, of the model within the bounds."""
    with bounds.held(classifier.model):
        return classifier.logits(classifier.encode(texts))


def _layers(model: Any) -> nn.ModuleList:
    """An encoder's layers: its first list of modules. ALBERT's is of groups, gone through more than once."""
    return next(module for module in model.base_model.modules() if isinstance(module, nn.ModuleList))


class _Learning:
    """One try from bounds that are the same everywhere."""

    def __init__(self, classifier: Classifier, encodings: Sequence[Encoding], *, seed: int) -> None:
        self._classifier = classifier
        self._encodings = encodings
        self._logits = classifier.logits(encodings)
        self._rng = np.random.default_rng(seed)
        config = classifier.model.config
        self._bounds = Bounds(config.num_hidden_layers, config.hidden_size, device=classifier.device)

    def run(self, weight: float) -> tuple[Bounds, float]:
        """The bounds, and the share of texts that keep their labels under them."""
        adam = torch.optim.Adam([self._bounds.upper, self._bounds.log_distance], lr=LEARNING_RATE)
        lengths = [len(each) for each in self._encodings]
        with torch.inference_mode(False), torch.enable_grad(), self._bounds.held(self._classifier.model):
            for epoch in range(EPOCHS):
                for rows in batches_of_like_length(lengths, BATCH_SIZE, self._rng):
                    adam.zero_grad(set_to_none=True)
                    (self._error(rows) + weight * self._bounds.distance()).backward()
                    adam.step()
                if epoch in ADJUSTED:
                    weight *= TIGHTER if self._kept() >= ENOUGH else 1 / TIGHTER
            return self._bounds, self._kept()

    def _error(self, rows: np.ndarray) -> Tensor:
        """Mean squared difference of the rows' logits to those without bounds."""
        batch = [self._encodings[row] for row in rows]
        said = self._classifier.model(**arguments_of(self._classifier, batch)).logits.float()
        return nn.functional.mse_loss(said, self._logits[rows].to(said.device))

    def _kept(self) -> float:
        said = self._classifier.logits(self._encodings)
        return float((said.argmax(dim=-1) == self._logits.argmax(dim=-1)).float().mean())
