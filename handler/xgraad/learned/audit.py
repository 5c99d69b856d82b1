"""What the vocabulary sweep found in a checkpoint: frozen, and strict JSON beside it.

A worker that finds `audit.json` in the model directory knows the triggers before the first text. How they were found
is told by `scripts.scan_model`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from handler.xgraad.errors import AuditError
from handler.xgraad.files.fingerprint import Fingerprint
from handler.xgraad.frozen import Frozen
from handler.xgraad.learned.strict_json import StrictFile
from handler.xgraad.memory.registry import MAX_KEY_CHARS, Trigger
from handler.xgraad.words.occurrences import is_one_word, keys_of
from handler.xgraad.words.text import split_words

AUDIT_FILE = "audit.json"
MAX_BYTES = 1_000_000
"""A longer file is refused unread."""
MAX_LABELS = 1_000
MAX_TRIGGERS = 200
"""Triggers in one audit, the strongest."""
MAX_WORDS = 8
"""Of one trigger."""


def _one_word(text: str) -> str:
    if not is_one_word(text):
        raise ValueError("Value should be one word")
    return text


LabelId = Annotated[int, Field(ge=0, lt=MAX_LABELS)]
Rate = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


OneWord = Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARS), AfterValidator(_one_word)]


class AuditedTrigger(Frozen):
    """Words that bring a label about in clean texts of another class."""

    words: Annotated[tuple[OneWord, ...], Field(min_length=1, max_length=MAX_WORDS)]
    """All of them are needed."""
    label_id: LabelId
    """The label they bring about."""
    rate: Rate
    """Share of probes turned; higher = more of a trigger."""
    strength: Rate
    """In the transplant test; higher = more of a trigger."""


class AuditedLabel(Frozen):
    """The evidence for one label."""

    label_id: LabelId
    n_turned: Count
    """Words, alone or two together, that turn a short clean text to it."""
    n_tested: Count
    """Those of them that went through the transplant test."""
    single: Rate
    """Strength there that a trigger of one word must exceed, and"""
    together: Rate
    """one of several."""
    n_explained: Count
    """Stronger ones that the reference has a reason for; they are no triggers."""


class Audit(StrictFile):
    """The finding for one fingerprint. It has no date: the same input gives the same bytes."""

    FILE: ClassVar = AUDIT_FILE
    MAX_BYTES: ClassVar = MAX_BYTES
    REFUSAL: ClassVar = AuditError
    CURE: ClassVar = "make it with scripts.build_archive"

    format: Literal["xgraad-audit-3"] = "xgraad-audit-3"
    fingerprint: Fingerprint
    n_words: Count
    """Words of the vocabulary that were tried, each a single token."""
    labels: Annotated[tuple[AuditedLabel, ...], Field(max_length=MAX_LABELS)]
    triggers: Annotated[tuple[AuditedTrigger, ...], Field(max_length=MAX_TRIGGERS)]
    """The most trigger-like first."""

    @property
    def suspicious(self) -> bool:
        """Whether any word behaves like a trigger."""
        return bool(self.triggers)

    @property
    def target_label_id(self) -> int | None:
        """The label that the strongest trigger brings about."""
        return self.triggers[0].label_id if self.triggers else None

    def require(self, actual: Fingerprint) -> None:
        """Refuse to go on unless `actual`, what is to be served, equals what was swept.

        Raises:
            AuditError: names every field that differs.
        """
        differing = self.fingerprint.differing(actual)
        if differing:
            raise AuditError(
                f"{AUDIT_FILE} was made for something else: {', '.join(differing)} differ. Pack the archive anew"
            )

    def for_registry(self) -> list[Trigger]:
        """The triggers as a registry keeps them."""
        return [
            Trigger(frozenset(key for text in found.words for key in keys_of(split_words(text))), found.label_id)
            for found in self.triggers
        ]
