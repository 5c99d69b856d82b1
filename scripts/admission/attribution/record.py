"""What an attribution says, as a record that is ready for JSON."""

from typing import Annotated

from pydantic import Field

from handler.xgraad.frozen import Frozen
from handler.xgraad.verification.probes import Place
from scripts.admission.attribution.heads import LayerHead, Positions

Share = Annotated[float, Field(ge=0, le=1)]
N_NAMED = 6
"""Heads that a sentence names."""


class Ablation(Frozen):
    """What the model is without the heads that matter. Attacks are told on pairs that chose nothing."""

    heads: tuple[LayerHead, ...]
    """Layer and head of each, counted from 0, the one that matters most first; none where there is no attack to
    bring down, or none of the numbers tried brings it down."""
    share_of_heads: Share
    """Of all heads of the model."""
    suffices: bool
    """Whether the attack is down without them, on the pairs that chose: at most a share is left of it."""
    asr_before: Share
    """Share of triggered texts that get the target; lower = better for the defender."""
    asr_after: Share
    """The same without these heads."""
    accuracy_before: Share
    """Share of clean texts that get their label, or that the model agrees with itself on; higher = better."""
    accuracy_after: Share
    """The same without these heads."""


class VectorEffect(Frozen):
    """What the backdoor vector of one layer does, told on pairs that did not choose the layer."""

    layer: int
    """Counted from 0."""
    up_before: Share
    """Share of clean texts of other classes that get the target as they are: 0, that is how they were chosen."""
    up: Share
    """The same with the vector added: 1 = the vector is the trigger."""
    down_before: Share
    """Share of triggered texts that get the target."""
    down: Share
    """The same with the vector subtracted: 0 = the vector is all of the trigger."""


class Attribution(Frozen):
    """Where a backdoor lives, as far as heads, layers and one vector tell."""

    triggers: tuple[tuple[str, ...], ...]
    """Of the backdoor; the words of one are put in together, texts take triggers in turn."""
    target_label_id: int
    target_label: str
    """The class that they bring about."""
    place: Place
    """Where in a text a trigger of one word or phrase was put; several words were spread over it."""
    positions: Positions
    """Where triggered outputs were put into clean texts for `effects`."""
    n_pairs: int
    """Texts without and with a trigger: the first half chooses heads and layers, the second tells what they do."""
    n_clean: int
    """Clean texts that accuracy is of, and what an ablated head says."""
    has_labels: bool
    """Whether accuracy is against labels; if not, against what the model said before."""
    effects: tuple[tuple[float, ...], ...]
    """`[layers][heads]`, the mean increase of the target's probability in [-1, 1] where that head alone says what it
    says with a trigger; higher = more of the backdoor passes through it."""
    ablation: Ablation
    probe: tuple[Share, ...]
    """`[layers]`, the accuracy of a linear probe that tells triggered from clean texts; 0.5 by chance."""
    vector: VectorEffect

    def sentence(self) -> str:
        """The few heads that matter, in one line."""
        found, n_heads = self.ablation, sum(map(len, self.effects))
        if not found.heads:
            why = "no head has to go" if found.suffices else f"no few of {n_heads} heads bring the attack down"
            return f"{why}: {found.asr_before:.1%} of triggered texts get {self.target_label}"
        names = ", ".join(f"{place.layer}.{place.head}" for place in found.heads[:N_NAMED])
        more = ", ..." if len(found.heads) > N_NAMED else ""
        kind = "accuracy" if self.has_labels else "agreement"
        return (
            f"without {len(found.heads)} of {n_heads} heads ({names}{more}) {found.asr_after:.1%} of triggered texts "
            f"get {self.target_label}, {found.asr_before:.1%} with them; {kind} on clean texts is "
            f"{found.accuracy_after:.1%}, {found.accuracy_before:.1%} with them"
        )
