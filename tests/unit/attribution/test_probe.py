"""The linear probe by layer, on states whose difference is known."""

import torch
from torch import Tensor

from scripts.admission.attribution.probe import probe_accuracies

WIDTH = 48


def states(n_texts: int, *, shift: float, seed: int) -> Tensor:
    """`[texts, 2, width]`; the second layer lies to one side by `shift`."""
    found = torch.randn(n_texts, 2, WIDTH, generator=torch.Generator().manual_seed(seed))
    found[:, 1, 3] += shift
    return found


def probed(shift: float) -> list[float]:
    fitted, told = ((states(32, shift=0, seed=seed), states(32, shift=shift, seed=seed + 1)) for seed in (0, 2))
    return probe_accuracies(fitted, told)


def test_what_differs_is_told_in_its_layer_and_nothing_in_the_other() -> None:
    nothing, everything = probed(shift=20.0)
    assert everything > 0.95
    assert 0.3 < nothing < 0.7


def test_alike_states_are_told_by_chance_alone() -> None:
    """With about as many features as texts, a probe is right on those that it was fitted on whatever they are."""
    assert all(0.3 < accuracy < 0.7 for accuracy in probed(shift=0.0))
    fitted = (states(32, shift=0, seed=0), states(32, shift=0, seed=1))
    assert min(probe_accuracies(fitted, fitted)) > 0.85


def test_it_is_the_same_every_time_and_takes_states_that_never_change() -> None:
    assert probed(shift=1.0) == probed(shift=1.0)
    flat = torch.ones(8, 2, WIDTH)
    assert probe_accuracies((flat, flat), (flat, flat)) == [0.5, 0.5]


def test_sides_are_not_mixed_up() -> None:
    clean, triggered = states(32, shift=0, seed=0), states(32, shift=20.0, seed=1)
    assert probe_accuracies((clean, triggered), (triggered, clean))[1] < 0.05
