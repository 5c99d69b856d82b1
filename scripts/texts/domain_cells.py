"""The names of domains, as a column of a file of texts has them."""

import re
from collections.abc import Sequence
from typing import Any

from handler.xgraad.options import DOMAIN_NAME
from scripts.console.errors import LabError
from scripts.texts.quoting import Record
from scripts.texts.records import Source


def domain_names(cells: Sequence[Any], records: Sequence[Record], source: Source) -> list[str | None]:
    """Of rows with these cells; None for all where nobody asked for domains.

    Raises:
        LabError: a cell is no name; what it holds is not told, since it may be a text.
    """
    if source.reading.by is None:
        return [None] * len(cells)
    names = [str(cell).strip() if isinstance(cell, str | int) else "" for cell in cells]
    for name, record in zip(names, records, strict=True):
        if not re.fullmatch(DOMAIN_NAME, name):
            rule = "40 letters, digits, dots, dashes and underscores at most, the first a letter or digit"
            raise LabError(f"{source.place(record)}: the domain of --by must be a name: {rule}; rename it")
    return list(names)
