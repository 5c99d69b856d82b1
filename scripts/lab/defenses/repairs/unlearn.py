"""Unlearning of verified triggers: what the defense found is put into clean texts, with their true labels.

The project's own repair. Unlearning an inverted trigger is Neural Cleanse's (Wang et al., IEEE S&P 2019); here nothing
is inverted: triggers are words that the rule `verified` found in texts and the sweep in the vocabulary.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from tqdm import tqdm

from handler.xgraad import Defense
from handler.xgraad.memory.registry import MemoryRegistry, Origin, Trigger
from scripts.console.errors import LabError
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.repairs.fine_tuned import FineTuned
from scripts.lab.defenses.rules.swept import swept_once
from scripts.lab.families.family import WINDOW_WORDS
from scripts.lab.training.triggers import insert_words
from scripts.texts.corpora import Example

N_MORE = 3000
"""Further texts that are judged where there are any, the first ones."""
N_COPIES = 2
"""Of each clean text, every one with another trigger in it."""
CHUNK = 64
"""Texts judged between two steps of the progress bar."""


class Unlearning(FineTuned):
    """Fine-tunes the suspect on clean texts, as they are and with triggers in them."""

    LIMITS = "only triggers that were found are unlearned: phrases, syntax and style are not, nor what no text showed"

    def examples(self) -> Sequence[Example]:
        """See `FineTuned`.

        Raises:
            LabError: no trigger was found.
        """
        clean = self.material.clean_examples()
        triggers = found_triggers(self.material, [example.text for example in clean])
        if not triggers:
            raise LabError(
                f"unlearn needs a verified trigger, found none in {len(clean)} clean texts, the further ones and the "
                "vocabulary; give texts that were sent to the model with --texts, or repair by another method"
            )
        return [*clean, *with_triggers(clean, triggers, n_copies=N_COPIES, seed=self.material.seed)]


def found_triggers(material: Material, texts: Sequence[str]) -> list[Trigger]:
    """What the sweep of the suspect's vocabulary, and judging these and the further texts, found."""
    registry = MemoryRegistry()
    registry.add(swept_once(material).for_registry(), Origin.AUDIT)
    defense = Defense.load(material.checkpoint, material.device, calibration=material.calibrated(), registry=registry)
    judged = [*texts, *(material.more_texts()[:N_MORE] if material.more else ())]
    for start in tqdm(range(0, len(judged), CHUNK), unit_scale=CHUNK, unit="text", desc="judge", disable=None):
        defense(judged[start : start + CHUNK])
    return registry.found()


def with_triggers(
    examples: Sequence[Example], triggers: Sequence[Trigger], *, n_copies: int, seed: int
) -> list[Example]:
    """Each example so many times with a trigger in it, all triggers as often; its label stays.

    Args:
        examples: clean texts of every class.
        triggers: at least one; the words of a set go in each at a place of its own.
        n_copies: of each example.
        seed: of the order and the places.
    """
    rng = np.random.default_rng(seed)
    rows = list(chain.from_iterable(rng.permutation(len(examples)).tolist() for _ in range(n_copies)))
    changed = []
    for turn, row in enumerate(rows):
        words = sorted(triggers[turn % len(triggers)].keys)
        text = insert_words(examples[row].text, words, rng=rng, window_words=WINDOW_WORDS + len(words))
        changed.append(Example(text, examples[row].label))
    return changed
