"""Agreement: a trusted base learns the suspect's labels of further texts, where a reference gives the same ones.

Distillation against backdoors: Yoshida and Fujino, "Disabling Backdoor and Identifying Poison Data by using Knowledge
Distillation in Backdoor Attacks on Deep Neural Networks", AISec 2020. Differs: they distill soft labels of the suspect
into a student, and drop what the two disagree on from poisoned training data. There is none of that here. The reference
is what `rebuild` makes, it comes first, and hard labels count only where both say the same: the suspect's labels alone
carry the backdoor over, because further texts may resemble what triggers it.
"""

from collections.abc import Sequence

import numpy as np

from scripts.lab.defenses.repairs.rebuild import Rebuild
from scripts.texts.corpora import Example


class Agreement(Rebuild):
    """Fine-tunes the trusted base twice: on the clean labels, then anew on these and the labels agreed on."""

    NEEDS_MORE = True
    N_MORE = 3000
    """Further texts that are read, the first ones."""
    LIMITS = (
        "where suspect and reference make the same mistake it is learned; what the trusted base hides stays, "
        "and so does what the clean labels got from the attacker"
    )

    def examples(self) -> Sequence[Example]:
        """See `FineTuned`: the clean texts, and further ones with the labels agreed on."""
        clean, texts = self.material.clean_examples(), self.material.more_texts()[: self.N_MORE]
        reference, tokenizer = self.base()
        self.fit(reference, tokenizer, clean)
        tuner = self.tuner()
        suspected, referred = (tuner.predict(*each, texts) for each in (self.suspect(), (reference, tokenizer)))
        agreed = np.flatnonzero(suspected == referred)
        return [*clean, *(Example(texts[row], int(referred[row])) for row in agreed)]
