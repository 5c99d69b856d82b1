"""Attribute one backdoor: to heads, to layers, to one vector. Half of the pairs choose, the other half tells."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.words.encoding import Encoding
from scripts.admission.attribution.ablation import LEFT, ablated, choose_heads, share_of
from scripts.admission.attribution.effects import indirect_effects, that_matter
from scripts.admission.attribution.heads import Positions
from scripts.admission.attribution.inside import Inside, look_inside
from scripts.admission.attribution.pairs import Backdoor, CleanTexts, Pair, draw_clean, make_pairs
from scripts.admission.attribution.probe import probe_accuracies
from scripts.admission.attribution.record import Ablation, Attribution, VectorEffect
from scripts.admission.attribution.vector import backdoor_vectors, choose_layer, steer


class Half(NamedTuple):
    """Half of the pairs, and what they do inside the model."""

    plain: list[Encoding]
    triggered: list[Encoding]
    plain_inside: Inside
    triggered_inside: Inside

    @classmethod
    def of(cls, classifier: Classifier, pairs: Sequence[Pair]) -> "Half":
        """One pass of each text."""
        plain, triggered = ([*each] for each in zip(*pairs, strict=True))
        return cls(plain, triggered, look_inside(classifier, plain), look_inside(classifier, triggered))

    @property
    def states(self) -> tuple[Tensor, Tensor]:
        """Of the texts as they are and with a trigger."""
        return self.plain_inside.states, self.triggered_inside.states


def attribute(
    classifier: Classifier,
    backdoor: Backdoor,
    texts: Sequence[str],
    labels: Sequence[int] | None = None,
    *,
    positions: Positions | None = None,
    left: float = LEFT,
    seed: int = 0,
) -> Attribution:
    """Attribute a backdoor whose triggers are known; half of the pairs chooses, the other half tells.

    Args:
        classifier: the suspect.
        backdoor: its triggers and what they bring about.
        texts: clean ones.
        labels: their class numbers, where they are known.
        positions: where triggered outputs are put into clean texts; by default where the label is read.
        left: share of the attack's success that ablation may leave.
        seed: of the choice of texts.

    Raises:
        LabError: no trigger, or too few texts of other classes than the target.
        TextError: a text that no tokenizer can take.
    """
    target = backdoor.target
    positions = Positions.read(classifier.model.config) if positions is None else positions
    clean = draw_clean(classifier, texts, labels, seed=seed)
    pairs = make_pairs(classifier, backdoor, clean)
    middle = len(pairs) // 2
    chooses, tells = (Half.of(classifier, part) for part in (pairs[:middle], pairs[middle:]))
    outputs = chooses.triggered_inside.at(positions)
    effects = indirect_effects(classifier, chooses.plain, outputs, target=target, positions=positions)
    return Attribution(
        triggers=tuple(map(tuple, backdoor.triggers)),
        target_label_id=target,
        target_label=classifier.labels[target],
        place=backdoor.place,
        positions=positions,
        n_pairs=len(pairs),
        n_clean=len(clean.encodings),
        has_labels=labels is not None,
        effects=tuple(map(tuple, effects.tolist())),
        ablation=_ablation(classifier, chooses, tells, clean, effects, target=target, left=left),
        probe=tuple(probe_accuracies(chooses.states, tells.states)),
        vector=_vector(classifier, chooses, tells, target=target),
    )


def _ablation(
    classifier: Classifier, chooses: Half, tells: Half, clean: CleanTexts, effects: Tensor, *, target: int, left: float
) -> Ablation:
    outputs = look_inside(classifier, clean.encodings).at(Positions.EVERY)
    heads, suffices = choose_heads(
        classifier, chooses.triggered, that_matter(effects), outputs, target=target, left=left
    )
    attacks, accuracies = [share_of(classifier, tells.triggered, target)], [clean.accuracy(classifier)]
    with ablated(classifier, heads, outputs):
        attacks.append(share_of(classifier, tells.triggered, target))
        accuracies.append(clean.accuracy(classifier))
    return Ablation(
        heads=tuple(heads),
        share_of_heads=len(heads) / effects.numel(),
        suffices=suffices,
        asr_before=attacks[0],
        asr_after=attacks[1],
        accuracy_before=accuracies[0],
        accuracy_after=accuracies[1],
    )


def _vector(classifier: Classifier, chooses: Half, tells: Half, *, target: int) -> VectorEffect:
    read = Positions.read(classifier.model.config)
    vectors = backdoor_vectors(chooses.plain_inside.of_each(read), chooses.triggered_inside.of_each(read))
    layer = choose_layer(classifier, chooses.plain, chooses.triggered, vectors, target=target)
    steered = steer(classifier, tells.plain, tells.triggered, vectors, layer=layer, target=target)
    return VectorEffect(
        layer=layer,
        up_before=share_of(classifier, tells.plain, target),
        up=steered.up,
        down_before=share_of(classifier, tells.triggered, target),
        down=steered.down,
    )
