"""The second look at a text: what is found in it is neutralized, and it is looked at again while its label stands.

Not where it looks like a clean text by then, see `standing`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from handler.xgraad.editing.edit import Edit, edit_words, in_original
from handler.xgraad.editing.neutralizer import Neutralizer
from handler.xgraad.memory.registry import NoRegistry, Trigger, TriggerRegistry
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.rules.standing import AS_IT_CAME, Standing, Standings
from handler.xgraad.scoring.scorer import Score, score_encodings
from handler.xgraad.verification.phrase import PhraseTest, Rest
from handler.xgraad.verification.verifier import ALL_SETS, Verifier, Wanted
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.occurrences import keys_of, tightest
from handler.xgraad.words.text import Word, in_text_order


@dataclass
class Case:
    """A text under examination: what was found in it so far."""

    original: Score
    triggers: tuple[Word, ...] = ()
    """Verified words and the rest of their phrases, as they stand in the original text."""
    edit: Edit | None = None
    encoding: Encoding | None = None
    """The text as edited so far; None while it is as it came."""
    defended: Prediction | None = None
    """What the model says of it."""
    standing: Standing = AS_IT_CAME
    """How the suspect label stands in it."""
    wanted: Wanted = ALL_SETS
    """What is tried of it besides its suspicious words as long as no trigger is known of it."""
    suspicious: tuple[Word, ...] = ()
    """What stands out in the text as edited so far and is no trigger by itself, as it stands in the original text."""
    memory: TriggerRegistry = field(default_factory=NoRegistry)
    """Remembers what is verified in it for the other windows of a long text."""

    @property
    def is_open(self) -> bool:
        """Whether the suspect label still stands, for no reason that a clean text would have."""
        return self.standing.is_open

    @property
    def may_hold_rest(self) -> bool:
        """Whether what was found may be part of a phrase of which the rest holds the label."""
        return bool(self.triggers) and self.standing.may_hold_rest

    @property
    def tried(self) -> Wanted:
        """What is tried of it now: all there is beside a trigger, whether that was found in this text or remembered."""
        return self.wanted._replace(runs=self.wanted.runs or bool(self.triggers))

    def take(self, trigger: Sequence[Word]) -> None:
        """A trigger verified in the text as it stands now, where a registry would find it in what is left of it."""
        taken = set(self.triggers)
        left = [word for word in self.original.encoding.words if word not in taken]
        found = tightest(left, keys_of(trigger))
        if not found and any(word.needs_no_space for word in trigger):
            # Without what was changed other clusters touch or are one token, so that it is spelled otherwise here.
            found = tuple(word for word in in_original(self.original, self.edit, trigger) if word not in taken)
        self.triggers += found


class Examination:
    """Works on many cases at once, and remembers the triggers that it verifies."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        verifier: Verifier,
        phrase_test: PhraseTest,
        standings: Standings,
        neutralize: Neutralizer,
        registry: TriggerRegistry,
        max_rounds: int,
    ) -> None:
        self._classifier = classifier
        self._verifier = verifier
        self._phrase_test = phrase_test
        self._standings = standings
        self._neutralize = neutralize
        self._registry = registry
        self._max_rounds = max_rounds

    def work_on(self, cases: Iterable[Case]) -> bool:
        """Neutralize what is known already, then look for what is not wherever the label still stands.

        Returns:
            Whether any trigger was verified.
        """
        cases = list(cases)
        if not cases:
            return False
        self._apply([case for case in cases if case.triggers])
        return self._examine([case for case in cases if case.is_open])

    def complete(self, cases: Sequence[Case]) -> None:
        """Neutralize the rest of a phrase where the label stands without its verified words."""
        if not cases:
            return
        tries = self._phrase_test([self._rest(case) for case in cases])
        edits = [
            edit_words(case.original, (*case.triggers, *words), self._neutralize).text
            for case, each in zip(cases, tries, strict=True)
            for words in each
        ]
        labels = iter(self._classifier.logits(self._classifier.encode(edits)).argmax(dim=-1).tolist())
        completed = []
        for case, each in zip(cases, tries, strict=True):
            flipping = [words for words in each if next(labels) != case.original.prediction.label_id]
            if flipping:
                case.triggers += flipping[0]
                completed.append(case)
        self._apply(completed)

    def _rest(self, case: Case) -> Rest:
        triggers = in_text_order(case.triggers)
        return Rest(case.original, triggers, case.suspicious, is_firm=case.standing.is_firm)

    def _examine(self, cases: list[Case]) -> bool:
        """Look for triggers, edit, predict again; several in one text are found one round after the other.

        Returns:
            Whether any was found.
        """
        going_on, found_any = cases, False
        for _ in range(self._max_rounds):
            scores = self._current_scores(going_on)
            going_on = [case for case, score in zip(going_on, scores, strict=True) if score.words]
            worded = [score for score in scores if score.words]
            found = self._verifier.triggers(worded, [case.tried for case in going_on])
            verified: list[Trigger] = []
            for case, score, triggers in zip(going_on, worded, found, strict=True):
                case.suspicious = (
                    () if triggers else in_original(case.original, case.edit, self._verifier.candidates(score))
                )
                for trigger in triggers:
                    case.take(trigger)
                shown = [Trigger(keys_of(trigger), case.original.prediction.label_id) for trigger in triggers]
                case.memory.add(shown)
                verified += shown
            self._registry.add(verified)
            edited = [case for case, triggers in zip(going_on, found, strict=True) if triggers]
            self._apply(edited)
            found_any |= bool(edited)
            going_on = [case for case in edited if case.is_open]
            if not going_on:
                break
        return found_any

    def _current_scores(self, cases: Sequence[Case]) -> list[Score]:
        """The scores of the texts as they stand; those of edited ones are made here, where another round needs them."""
        edited = [case.encoding for case in cases if case.encoding]
        rescored = iter(score_encodings(self._classifier, edited))
        return [next(rescored) if case.encoding else case.original for case in cases]

    def _apply(self, cases: Sequence[Case]) -> None:
        """Neutralize what was found in each text so far, and predict again."""
        edits = [edit_words(case.original, case.triggers, self._neutralize) for case in cases]
        encodings = self._classifier.encode([edit.text for edit in edits])
        found = self._standings(encodings, [case.original.prediction.label_id for case in cases])
        for case, edit, encoding, without in zip(cases, edits, encodings, found, strict=True):
            case.edit, case.encoding = edit, encoding
            case.defended, case.standing = without
