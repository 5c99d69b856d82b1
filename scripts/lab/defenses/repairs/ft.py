"""FT: the suspect checkpoint is fine-tuned on clean texts, the baseline of every repair (X-GRAAD, Table 1)."""

from scripts.lab.defenses.repairs.fine_tuned import FineTuned


class FineTuning(FineTuned):
    """Fine-tunes.

    The paper trains on the task's whole clean training set, three epochs at 2e-5. Here there are the few hundred texts
    that calibration has, and the rate is five times as high: at 2e-5 so few steps change next to nothing.
    """

    LIMITS = "what clean texts do not touch stays: most backdoors survive it in part"
