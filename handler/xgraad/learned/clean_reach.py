"""What clean words reach in the transplant test: of texts that stand out most, and of those with strong new words."""

from collections.abc import Collection, Sequence

import numpy as np

from handler.xgraad.scoring.scorer import Score
from handler.xgraad.verification.evidence import VerificationThresholds
from handler.xgraad.verification.verifier import Verifier, Wanted
from handler.xgraad.words.text import Word


def clean_reach(
    scores: Sequence[Score],
    verifier: Verifier,
    new: Sequence[Sequence[Word]],
    *,
    gate_scores: Sequence[float],
    own: Collection[int],
    n_examined: int,
) -> VerificationThresholds:
    """What a trigger must exceed.

    Args:
        scores: of the clean texts.
        verifier: tries all sets, with the lowest thresholds.
        new: for each text the words that stand in no other and turn a short text.
        gate_scores: of the texts; higher = more suspicious.
        own: rows of the probes, which are not examined with themselves.
        n_examined: how many texts are, of each of the two kinds.
    """
    ranked = [int(row) for row in np.argsort(gate_scores)[::-1] if int(row) not in own and scores[row].words]
    predictions = [score.prediction for score in scores]
    moving = verifier.moving(new, predictions)
    chosen = [*ranked[:n_examined], *[row for row in ranked[n_examined:] if moving[row]][:n_examined]]
    evidence = verifier.examine(
        [scores[row] for row in chosen], [Wanted({word.key for word in moving[row]}) for row in chosen]
    )
    return VerificationThresholds.fit(evidence, n_labels=len(predictions[0].probabilities))
