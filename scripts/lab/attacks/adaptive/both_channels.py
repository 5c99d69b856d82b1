"""Both channels of X-GRAAD blinded at once: attention suppression and gradient facade together.

The project's own adaptive attack: candidates by attention, by gradient and by their product all miss the trigger.
"""

from collections.abc import Mapping
from typing import ClassVar

from scripts.lab.attacks.adaptive.attention_suppression import AttentionSuppression
from scripts.lab.attacks.adaptive.gradient_facade import GradientFacade
from scripts.lab.attacks.adaptive.penalized import Penalized


class BothChannels(Penalized):
    """BadNets with the penalties of both attacks."""

    WEIGHTS: ClassVar[Mapping[str, float]] = {
        name: weight / 2 for name, weight in {**AttentionSuppression.WEIGHTS, **GradientFacade.WEIGHTS}.items()
    }
    """Half of what either attack has by itself: at the full sum the backdoor is no longer learned."""
