"""One verdict on a long text, of those on its windows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from handler.xgraad.editing.verdict import Action, Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.rules.whole_text import Edited
from handler.xgraad.rules.window_label import WindowLabel


@dataclass(frozen=True, kw_only=True)
class Combiner:
    """Makes one verdict of those on a text's windows."""

    label: WindowLabel
    max_fpr: float
    threshold: Callable[[int], float]
    """Of the gate score, for a text of so many windows."""
    untested: frozenset[int]

    def __call__(self, edited: Edited, said: Sequence[Prediction]) -> Verdict:
        """The text's verdict.

        Its p-value is the smallest of the windows' times their number (Bonferroni), so that no more clean texts are
        flagged for being long; gate score and anomaly score are the highest.

        Args:
            edited: the text without what was verified in it.
            said: what the model says of each of its windows.
        """
        whole, verdicts, acted = edited.whole, edited.whole.verdicts, edited.whole.acted
        undefended = self.label([each.undefended for each in verdicts])
        answer = self.label(said)
        overruled = not acted and answer.label_id != undefended.label_id
        p_value = min(1.0, len(verdicts) * min(each.p_value for each in verdicts))
        scores = [each.anomaly_score for each in verdicts if each.anomaly_score is not None]
        labels = {each.label_id for each in (undefended, answer, *said)}
        return replace(
            verdicts[0],
            flagged=acted or p_value <= self.max_fpr,
            verified=acted,
            tested=all(each.tested for each in verdicts) and not labels & self.untested,
            action=Action.NEUTRALIZED if acted else Action.OVERRULED if overruled else Action.PASSED,
            anomaly_score=max(scores, default=None),
            gate_score=max(each.gate_score or 0.0 for each in verdicts),
            threshold=self.threshold(len(verdicts)),
            p_value=p_value,
            undefended=undefended,
            defended=answer if acted or overruled else undefended,
            suspects=edited.suspects(),
            neutralized_text=edited.text,
            truncated=whole.text.truncated,
            words=whole.words(),
        )
