"""Rebuild: a trusted base is fine-tuned on the clean labels alone, and takes the place of the suspect.

The project's own yardstick, no publication's: whatever a repair keeps of the suspect has to be worth more than this.
"""

from typing import Any

from scripts.lab.defenses.repairs.fine_tuned import FineTuned


class Rebuild(FineTuned):
    """Fine-tunes the trusted base under a new head; of the suspect only the names of the labels are used."""

    NEEDS_BASE = True
    EPOCHS = 4
    LIMITS = (
        "nothing of the suspect is kept, neither its backdoor nor what it knew beyond the clean texts; "
        "what the trusted base hides stays"
    )

    def start(self) -> tuple[Any, Any]:
        """See `FineTuned`."""
        return self.base()
