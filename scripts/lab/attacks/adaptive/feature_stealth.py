"""Feature stealth: triggered texts look like clean ones of the target class in every layer.

The project's own adaptive attack, against gates on the distance of the [CLS] state (DAN, BadActs and ours): the first
token's state of triggered texts is pulled to the clean mean of the target class, layer by layer.

Differs from the feature regularization that DAN (Chen et al., Findings of EMNLP 2022) is tested with: mean and scale
come from the batch and distances are relative to the clean ones, so that one weight serves all layers.
"""

from collections.abc import Mapping
from typing import ClassVar

from scripts.lab.attacks.adaptive.attention_suppression import AttentionSuppression
from scripts.lab.attacks.adaptive.penalized import Penalized


class FeatureStealth(Penalized):
    """BadNets with a penalty on the features."""

    WEIGHTS: ClassVar[Mapping[str, float]] = {"features": 1.0}


class FullStealth(Penalized):
    """Features and attention: against a gate that joins the two."""

    WEIGHTS: ClassVar[Mapping[str, float]] = {**FeatureStealth.WEIGHTS, **AttentionSuppression.WEIGHTS}
