"""The rule `verified` where what a vocabulary sweep finds is known from the start, as `build_archive --audit` does."""

from collections.abc import Iterable
from pathlib import Path

from handler.xgraad.learned.audit import AUDIT_FILE, Audit
from handler.xgraad.memory.registry import Trigger
from scripts.admission.auditing import audit_checkpoint
from scripts.lab.defenses.rules.verified import Verified


class Swept(Verified):
    """Judges as `Verified` does, after a sweep that is kept in the working folder."""

    def known(self) -> Iterable[Trigger]:
        """What the sweep finds."""
        material = self.material
        material.kept.at(material.work / AUDIT_FILE, self._sweep)
        audit = Audit.read(material.work)
        return audit.for_registry() if audit else ()

    def _sweep(self, out: Path) -> None:
        material = self.material
        found = audit_checkpoint(
            material.checkpoint, material.calibrated(), device=material.device, precision=material.precision
        )
        out.write_text(found.audit.to_json(), encoding="utf-8")
