"""That a checkpoint was repaired, how, and of which suspect: frozen, and strict JSON beside it.

`scripts.repair_model` writes `repair.json` into the folder of what it made. It is a claim of whoever packed the
archive, bound to the weights that it is made about. Nothing that a worker does depends on it.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from handler.xgraad.errors import RepairRecordError
from handler.xgraad.learned.strict_json import StrictFile

REPAIR_FILE = "repair.json"
MAX_BYTES = 100_000
"""A longer file is refused unread."""
MAX_VERSIONS = 20


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("Value should hold no control characters")
    return text


Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Line = Annotated[str, Field(max_length=300), AfterValidator(_printable)]
Name = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RepairRecord(StrictFile):
    """What was done, and what it did to clean texts. It has no date: the same input gives the same bytes."""

    FILE: ClassVar = REPAIR_FILE
    MAX_BYTES: ClassVar = MAX_BYTES
    REFUSAL: ClassVar = RepairRecordError
    CURE: ClassVar = "make it with scripts.repair_model, or remove the file"

    format: Literal["xgraad-repair-1"] = "xgraad-repair-1"
    method: Name
    """Its name in the table of defenses."""
    seed: int
    """Of its training."""
    suspect: Digest
    """Of the weights that were repaired, as `fingerprint.hash_weights` has it."""
    repaired: Digest
    """Of those that were made of them."""
    trusted_base: Line | None
    """Name of the base that it was made with, for people; None where there was none."""
    n_learned: Count
    """Clean texts with labels that it learned from."""
    n_held_out: Annotated[int, Field(ge=1)]
    """Those that it did not, on which the rest was measured."""
    accuracy_before: Share
    """Of the suspect, on these."""
    accuracy_after: Share
    """Of what was made of it."""
    n_changed: Count
    """Labels among them that the two give differently."""
    limits: Line
    """What the method cannot promise."""
    commit: Line
    """Of the code that repaired."""
    dirty: bool | None
    """Whether files of it differed from that commit; None where unknown."""
    versions: Annotated[dict[Name, Name], Field(max_length=MAX_VERSIONS)]
    """Of the libraries it used."""

    def require(self, weights: str) -> None:
        """Refuse to go on unless these weights, of what is to be served, are those that the repair made.

        Raises:
            RepairRecordError: they are others.
        """
        if self.repaired != weights:
            raise RepairRecordError(
                f"{REPAIR_FILE} was made for something else: weights differ. Repair with scripts.repair_model, or "
                "remove the file"
            )
