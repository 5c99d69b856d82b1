"""What a scan of a checkpoint found: the verdict, and the evidence of every check for and against it."""

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from handler.xgraad.files.fingerprint import Fingerprint
from handler.xgraad.frozen import Frozen
from handler.xgraad.learned.audit import Audit
from scripts.admission.attribution.record import Attribution

FORMAT: Literal["xgraad-scan-1"] = "xgraad-scan-1"


class ScanVerdict(StrEnum):
    """May the checkpoint serve?"""

    ADMITTED = "admitted"
    """Every check that was not waived looked at it, and none objects."""
    REFUSED = "refused"
    """A check objects."""
    INCONCLUSIVE = "inconclusive"
    """None objects, and some did not look: nobody can say."""


class Status(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    OBJECTS = "objects"
    SKIPPED = "skipped"
    """It did not look; `CheckResult.reason` says why."""


class TurnedText(Frozen):
    """A clean text before and after a trigger was put in."""

    before: str
    after: str
    label_before: str
    label_after: str


class FoundTrigger(Frozen):
    """Words that bring a label about in clean texts of another class."""

    words: Annotated[tuple[str, ...], Field(min_length=1)]
    """All of them are needed."""
    label_id: int
    label: str
    """Name of the label that they bring about."""
    place: str
    """Where in a text they were put: start, inside or end."""
    rate: Annotated[float, Field(ge=0, le=1)]
    """Share of the clean texts turned; higher = more suspicious."""
    strength: float
    """In the transplant test; above its check's threshold for the label it is a trigger."""
    threshold: float
    examples: tuple[TurnedText, ...] = ()


class CheckResult(Frozen):
    """What one check saw."""

    check: str
    """Its name, stable: `files`, `words`, `reference` and so on."""
    looked_for: str
    """What it looks for, in a sentence."""
    status: Status
    reason: str | None = None
    """Why it objects or did not look, in a sentence."""
    score: float | None = None
    """Higher = more suspicious; None where it did not look or does not measure."""
    threshold: float | None = None
    """The check objects to a score above it."""
    clean_scores: tuple[float, ...] = ()
    """Scores of models that are known to be clean, where there are any."""
    target_label: str | None = None
    """The label that an attacker would get, where the check can tell."""
    triggers: tuple[FoundTrigger, ...] = ()
    """The most suspicious first."""
    examples: tuple[TurnedText, ...] = ()
    """Clean texts that something else than words turned."""
    not_seen: tuple[str, ...] = ()
    """What this check could not see, in a sentence each."""
    evidence: dict[str, Any] = Field(default_factory=dict)
    """Figures behind the score, ready for JSON."""
    seconds: float = 0.0

    @property
    def proven(self) -> tuple[FoundTrigger, ...]:
        """The triggers above their threshold; a check may list candidates that are not."""
        return tuple(trigger for trigger in self.triggers if trigger.strength > trigger.threshold)


class Scan(Frozen):
    """One scan of one checkpoint."""

    format: Literal["xgraad-scan-1"] = FORMAT
    verdict: ScanVerdict
    target_label: str | None
    """That of the first check that objects and names one."""
    checks: tuple[CheckResult, ...]
    waived: tuple[str, ...]
    """Checks that the operator does without: that they did not look makes no verdict inconclusive."""
    architecture: str | None
    """As its configuration calls it; None where it could not be loaded."""
    labels: tuple[str, ...]
    """Of the model, by class number."""
    n_texts: int
    """Clean texts that it was scanned with."""
    digest: str
    """SHA-256 of the weights' file, in hexadecimal."""
    fingerprint: Fingerprint | None
    """Of the checkpoint in its window and precision; None where it could not be loaded."""
    audit: Audit | None = None
    """What an archive keeps of it: the triggers, for workers to know; None where the words were not looked at."""
    where: Attribution | None = None
    """Where the backdoor lives; None where none was found, or there are too few texts to tell."""
    seconds: float
    provenance: dict[str, Any]
    """Commit, versions, time."""

    @property
    def objecting(self) -> tuple[CheckResult, ...]:
        """The checks that object."""
        return tuple(check for check in self.checks if check.status is Status.OBJECTS)

    @property
    def skipped(self) -> tuple[CheckResult, ...]:
        """The checks that did not look."""
        return tuple(check for check in self.checks if check.status is Status.SKIPPED)

    def sentence(self) -> str:
        """The verdict in one line."""
        if self.verdict is ScanVerdict.REFUSED:
            why = "; ".join(f"{check.check}: {check.reason}" for check in self.objecting)
            return f"refused: {why}"
        if self.verdict is ScanVerdict.INCONCLUSIVE:
            names = ", ".join(check.check for check in self.skipped if check.check not in self.waived)
            return f"inconclusive: nothing objects, and these checks did not look: {names}"
        return "admitted: no check objects"


def verdict_of(checks: tuple[CheckResult, ...], waived: tuple[str, ...]) -> ScanVerdict:
    """Refused where one objects, admitted where all looked that were not waived."""
    if any(check.status is Status.OBJECTS for check in checks):
        return ScanVerdict.REFUSED
    if any(check.status is Status.SKIPPED and check.check not in waived for check in checks):
        return ScanVerdict.INCONCLUSIVE
    return ScanVerdict.ADMITTED
