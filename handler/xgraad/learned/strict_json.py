"""What the JSON files beside a checkpoint have in common: they are strict, and a fault in one is told by its place."""

import json
import re
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import ValidationError

from handler.xgraad.errors import XGraadError
from handler.xgraad.frozen import Frozen

NUMBERS = re.compile(r"\[\n[\s\d.,eE+-]*\]")
"""A list of nothing but numbers, over several lines; no string of JSON holds a line break."""


def one_line_numbers(content: Any) -> str:
    """Strict JSON (no NaN), keys in a fixed order, lists of numbers on one line."""
    text = json.dumps(content, indent=1, allow_nan=False)
    return NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n"


def first_fault(error: ValidationError) -> str:
    """Where the first fault is, and which rule it breaks. Never the value, which comes from a stranger."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "file"
    return f"{where}: {first['msg']}"


class StrictFile(Frozen):
    """A file that a model directory may have, of at most so many bytes; what is wrong with one is refused."""

    FILE: ClassVar[str]
    """Its name."""
    MAX_BYTES: ClassVar[int]
    """A longer one is refused unread."""
    REFUSAL: ClassVar[type[XGraadError]]
    CURE: ClassVar[str]
    """What to do about one that holds something else."""

    def to_json(self) -> str:
        """Strict JSON (no NaN), keys in a fixed order."""
        return json.dumps(self.model_dump(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            XGraadError: the class's `REFUSAL`; no JSON, or a field is missing, unknown, ill-typed, too long or out of
                range.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise cls.REFUSAL(f"{cls.FILE}: {first_fault(error)}; {cls.CURE}") from error

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """What a model directory has of it, None where there is none.

        Raises:
            XGraadError: the class's `REFUSAL`; there is something of that name, and it is no file, too long, or
                `from_json` refuses it.
        """
        path = folder / cls.FILE
        if not path.exists():
            return None
        if not path.is_file():
            raise cls.REFUSAL(f"{cls.FILE}: must be a file; remove it")
        if path.stat().st_size > cls.MAX_BYTES:
            raise cls.REFUSAL(f"{cls.FILE}: must be at most {cls.MAX_BYTES} bytes, is {path.stat().st_size}")
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise cls.REFUSAL(f"{cls.FILE}: is not UTF-8") from error
