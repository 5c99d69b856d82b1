"""The rule `verified` where what a vocabulary sweep finds is known from the start, as `build_archive --audit` does."""

from collections.abc import Iterable

from handler.xgraad.learned.audit import AUDIT_FILE, Audit
from handler.xgraad.memory.registry import Trigger
from scripts.admission.auditing import audit_checkpoint
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.rules.verified import Verified


class Swept(Verified):
    """Judges as `Verified` does, after a sweep."""

    def known(self) -> Iterable[Trigger]:
        """What the sweep finds."""
        return swept_once(self.material).for_registry()


def swept_once(material: Material) -> Audit:
    """What the sweep finds; it is kept in the working folder."""
    audit = Audit.read(material.work)
    if audit is None:
        found = audit_checkpoint(
            material.checkpoint, material.calibrated(), device=material.device, precision=material.precision
        )
        audit = found.audit
        material.work.mkdir(parents=True, exist_ok=True)
        (material.work / AUDIT_FILE).write_text(audit.to_json(), encoding="utf-8")
    return audit
