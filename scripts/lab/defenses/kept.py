"""What is made once for a checkpoint and found again: calibrations, sweeps, repaired checkpoints."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = ".seconds"
"""Ending of the file beside it that says how long it took."""


class Kept:
    """Makes what is not there yet, and counts what finding the rest spared."""

    def __init__(self) -> None:
        self.spared = 0.0
        """Seconds that making took, of everything that was found; what does not say counts as none."""
        self._found: set[Path] = set()

    def at(self, place: Path, make: Callable[[Path], object]) -> Path:
        """The place; what is missing there is made beside it and comes there when it is whole.

        Args:
            place: of a file or folder.
            make: writes it to the path it is given.
        """
        record = place.with_name(place.name + SECONDS)
        if place.exists():
            if place not in self._found and record.is_file():
                self.spared += float(record.read_text(encoding="utf-8"))
            self._found.add(place)
            return place
        started, spared = time.perf_counter(), self.spared
        with _beside(place) as unfinished:
            make(unfinished)
        record.write_text(f"{time.perf_counter() - started + self.spared - spared}\n", encoding="utf-8")
        self._found.add(place)
        return place


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """A path of the same name in a folder of its own, from where all that was written comes when it is whole.

    The place itself comes last: where it is, what belongs to it is.
    """
    folder = place.with_name(f"{place.name}.unfinished")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder / place.name
    for path in sorted(folder.iterdir(), key=lambda path: path.name == place.name):
        target = place.with_name(path.name)
        if target.is_dir():
            shutil.rmtree(target)
        path.rename(target)
    folder.rmdir()
