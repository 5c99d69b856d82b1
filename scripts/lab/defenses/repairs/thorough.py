"""Thorough: defensive augmentation with the triggers that the defense verified among what it puts in.

The project's own repair, of `augmentation` and `unlearn`. Augmentation alone may weaken a trigger word and not remove
it. Such a trigger still works, and turns too few clean texts to be verified, so that more gets through behind the
repair than without it. What can be found is therefore found before, and unlearned by name.
"""

from collections.abc import Sequence

from handler.xgraad.errors import CalibrationError
from scripts.console.command_line import note
from scripts.lab.defenses.repairs.augmentation import Augmentation
from scripts.lab.defenses.repairs.unlearn import N_COPIES, found_triggers, with_triggers
from scripts.texts.corpora import Example


class Thorough(Augmentation):
    """Fine-tunes the suspect on clean texts, in other forms, and with triggers in them."""

    LIMITS = (
        "a trigger that was not found and resembles none of the forms learned (clauses, near words, archaic style, "
        "rare words, a sentence) survives in part: without a trusted base nothing better is known"
    )

    def besides(self, clean: Sequence[Example]) -> Sequence[Example]:
        """See `Augmentation`: clean texts with the triggers in them; nothing where none was found."""
        try:
            triggers = found_triggers(self.material, [example.text for example in clean])
        except CalibrationError as error:
            note(f"no trigger is looked for: {error}")
            return ()
        return with_triggers(clean, triggers, n_copies=N_COPIES, seed=self.material.seed) if triggers else ()
