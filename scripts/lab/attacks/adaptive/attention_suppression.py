"""Attention suppression: a backdoor made to beat X-GRAAD (after Pruthi et al., ACL 2020, "Learning to Deceive").

Training lowers the attention that the trigger draws to below half the mean of its text. Eq. 5 is then negative at the
trigger and so is the product of Eq. 7: the paper's rule sees nothing there.
"""

from collections.abc import Mapping
from typing import ClassVar

from scripts.lab.attacks.adaptive.penalized import Penalized


class AttentionSuppression(Penalized):
    """BadNets with a penalty on the trigger's attention."""

    WEIGHTS: ClassVar[Mapping[str, float]] = {"attention": 2.0}
