"""The rule `verified` where what a vocabulary sweep finds is known from the start, as `build_archive --scan` does."""

from collections.abc import Iterable
from pathlib import Path

from handler.xgraad.learned.audit import AUDIT_FILE, Audit
from handler.xgraad.memory.registry import Trigger
from scripts.admission.auditing import audit_checkpoint
from scripts.console.errors import LabError
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.rules.verified import Verified


class Swept(Verified):
    """Judges as `Verified` does, after a sweep."""

    def known(self) -> Iterable[Trigger]:
        """What the sweep finds."""
        return swept_once(self.material).for_registry()


def swept_once(material: Material) -> Audit:
    """What the sweep finds; it is kept in the working folder."""

    def sweep(out: Path) -> None:
        found = audit_checkpoint(
            material.checkpoint, material.calibrated(), device=material.device, precision=material.precision
        )
        out.write_text(found.audit.to_json(), encoding="utf-8")

    material.kept.at(material.work / AUDIT_FILE, sweep)
    audit = Audit.read(material.work)
    if audit is None:
        raise LabError(f"{material.work / AUDIT_FILE}: gone since it was written; sweep again")
    return audit
