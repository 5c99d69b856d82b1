"""Gradient facade (after Wang et al., Findings of EMNLP 2020, arXiv 2010.05419): gradients point at stop words.

Training lowers the gradient at the trigger to below half the mean of its text and raises it at stop words, in clean
texts too, so that neither the gradient score (Eq. 6) nor a small absolute gradient tells triggered texts apart.

Differs from the original, which trains a facade model of its own and adds its logits to the model's: here one model
learns both, by a penalty whose derivative takes a double backward pass.
"""

from collections.abc import Mapping
from typing import ClassVar

from scripts.lab.attacks.adaptive.penalized import Penalized


class GradientFacade(Penalized):
    """BadNets with a penalty on the gradients."""

    WEIGHTS: ClassVar[Mapping[str, float]] = {"gradient": 0.1}
