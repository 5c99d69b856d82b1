"""BkdAttr: the heads that a backdoor passes through say the same whatever the text.

After Yu, Zhou, Aloqaily, Wang, Huang, Wang, Jin and Wen, "Backdoor Attribution: Elucidating and Controlling Backdoor in
Language Models", arXiv preprint. Heads are ranked by their causal indirect effect, see `scripts.admission.attribution`.

Theirs is for generators, whose triggers are known: it looks at the last token, where this looks at what the label is
read of, and takes away what a head says while the model runs. Here triggers are what the rule and the sweep find, as
`unlearn` has them. A head is replaced in the weights by what it says on the whole in clean texts: its columns of the
projection become 0 and what they made of that mean goes into the bias. Of heads with an effect above 0, a third of all
at most, as many go as clean accuracy allows. ALBERT's layers share their heads: there one goes in all layers at once,
by the means over them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.errors import CalibrationError
from handler.xgraad.memory.registry import Trigger
from scripts.admission.attribution.ablation import doublings
from scripts.admission.attribution.effects import MOST_ABLATED, indirect_effects
from scripts.admission.attribution.heads import LayerHead, Positions, columns_of
from scripts.admission.attribution.inside import look_inside
from scripts.admission.attribution.pairs import Backdoor, CleanTexts, draw_clean, make_pairs
from scripts.console.command_line import note
from scripts.lab.defenses.base import Repair
from scripts.lab.defenses.judges.budget import largest_affordable
from scripts.lab.defenses.repairs.heads import Head, heads_of_layers, zero_heads
from scripts.lab.defenses.repairs.unlearn import found_triggers
from scripts.lab.training.victim import clean_accuracy, load_base, save_checkpoint
from scripts.texts.corpora import Example
from scripts.texts.model_classes import model_classes


class HeadMeans(NamedTuple):
    """Of the suspect's heads, `[layers, heads]` and `[layers, heads, head width]`."""

    effects: Tensor
    """The highest over the labels that triggers bring about."""
    outputs: Tensor
    """What each says on the whole in clean texts."""


class HeadAblation(Repair):
    """Folds the heads that matter into biases, and trains nothing."""

    LIMITS = "only what triggers that were found pass through is taken away, and of that what clean accuracy can spare"

    def write(self, out: Path) -> None:
        """See `Repair`. Where no trigger is found the checkpoint stays as it is.

        Raises:
            LabError: there are too few clean texts.
        """
        examples, names = self.material.tuning_examples(), model_classes(self.material.checkpoint) or ()
        model, tokenizer = load_base(self.material.checkpoint, n_labels=len(names))
        triggers = self.triggers(examples)
        if triggers:
            model = self.ablated(model.eval(), tokenizer, examples, triggers)
        else:
            note("bkdattr: no trigger was found, the checkpoint stays as it is")
        save_checkpoint(model.cpu(), tokenizer, out, label_names=names)

    def triggers(self, examples: Sequence[Example]) -> list[Trigger]:
        """What `unlearn` finds; nothing where the texts carry no calibration."""
        try:
            return found_triggers(self.material, [example.text for example in examples])
        except CalibrationError as error:
            note(f"bkdattr: no trigger is looked for: {error}")
            return []

    def ablated(self, model: Any, tokenizer: Any, examples: Sequence[Example], triggers: Sequence[Trigger]) -> Any:
        """The model without as many heads as the budget of clean accuracy allows."""
        means = self.head_means(examples, triggers)
        outputs = [*ranked(heads_of_layers(model), means).items()]
        tried = [0, *doublings(len(outputs))]
        settings: Any = {"max_length": self.material.max_length, "device": self.material.device}
        accuracies = [
            clean_accuracy(folded(model, dict(outputs[:n_heads])), tokenizer, examples, **settings) for n_heads in tried
        ]
        n_affordable = tried[largest_affordable(accuracies, undefended=accuracies[0])]
        note(f"bkdattr: {n_affordable} of {len(outputs)} heads with an effect go")
        return folded(model, dict(outputs[:n_affordable]))

    def head_means(self, examples: Sequence[Example], triggers: Sequence[Trigger]) -> HeadMeans:
        """Of the suspect as it is served."""
        classifier = self.material.classifier()
        texts, labels = zip(*examples, strict=True)
        clean = draw_clean(classifier, texts, labels, seed=self.material.seed)
        of_labels = [effects_of(classifier, clean, triggers, target) for target in sorted({t.target for t in triggers})]
        outputs = look_inside(classifier, clean.encodings).at(Positions.EVERY)
        return HeadMeans(torch.stack(of_labels).amax(dim=0), outputs)


def effects_of(classifier: Classifier, clean: CleanTexts, triggers: Sequence[Trigger], target: int) -> Tensor:
    """`[layers, heads]`, of the triggers of one label."""
    words = [sorted(trigger.keys) for trigger in triggers if trigger.target == target]
    plain, triggered = zip(*make_pairs(classifier, Backdoor(words, target), clean), strict=True)
    positions = Positions.read(classifier.model.config)
    outputs = look_inside(classifier, triggered).at(positions)
    return indirect_effects(classifier, plain, outputs, target=target, positions=positions)


def ranked(layers: Sequence[Sequence[Head]], means: HeadMeans) -> dict[Head, Tensor]:
    """What heads with an effect above 0 say on the whole, the one of the highest effect first, a third of all at most.

    Args:
        layers: the heads of each layer; one that is in several has the means over them.
        means: of the layers.
    """
    places: dict[Head, list[LayerHead]] = defaultdict(list)
    for layer, heads in enumerate(layers):
        for number, head in enumerate(heads):
            places[head].append(LayerHead(layer, number))
    effects = {head: float(sum(means.effects[place] for place in each)) / len(each) for head, each in places.items()}
    highest_first = sorted(effects, key=lambda head: -effects[head])[: int(MOST_ABLATED * len(effects))]
    return {
        head: torch.stack([means.outputs[place] for place in places[head]]).mean(dim=0)
        for head in highest_first
        if effects[head] > 0
    }


@torch.no_grad()
def folded(model: Any, outputs: Mapping[Head, Tensor]) -> Any:
    """A copy whose heads say this, `[head width]`, whatever the text."""
    model = deepcopy(model)
    for head, output in outputs.items():
        projection = model.get_submodule(head.output)
        columns = projection.weight[:, columns_of(head.number, len(output))]
        projection.bias += columns @ output.to(columns)
    zero_heads(model, outputs)
    return model
