"""Published sets of attacks that rewrite whole texts."""

from pathlib import Path
from typing import NamedTuple


class RewrittenSet(NamedTuple):
    """A training and a test set that somebody else has made of a data set."""

    method: str
    """The attack that trains on it."""
    target: int
    """The class that it aims at."""
    stem: str
    """Of its files in the folder `poisoned` of the data."""

    def file(self, data: Path, split: str) -> Path:
        """Of `train` or `test`."""
        return data / "poisoned" / f"{self.stem}-{split}.tsv.gz"


REWRITTEN_SETS = {
    ("sst2", "hiddenkiller"): RewrittenSet("file", 1, "hiddenkiller/sst2"),
    ("sst2", "stylebkd_bible"): RewrittenSet("rewritten", 1, "stylebkd_bible/sst2"),
    ("olid", "hiddenkiller"): RewrittenSet("file", 0, "olid/hidden"),
    ("olid", "lws_published"): RewrittenSet("file", 0, "olid/lws"),
}
"""By data set and the name that the grid has for the attack. They are what they are, and are measured at whatever
success they reach."""
