"""Runs the checks on a checkpoint and says whether it may serve."""

import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from handler.xgraad.files.weight_files import weight_files
from handler.xgraad.learned.audit import Audit
from handler.xgraad.verification.probes import Place
from scripts.admission.attribution.attribution import attribute
from scripts.admission.attribution.pairs import Backdoor
from scripts.admission.attribution.record import Attribution
from scripts.admission.checks import files, overshoot, styles, words
from scripts.admission.material import ScanMaterial
from scripts.admission.scan import CheckResult, FoundTrigger, Scan, Status, verdict_of
from scripts.console.command_line import note
from scripts.console.errors import LabError

CHECKS = (files.NAME, words.NAME, styles.NAME, overshoot.NAME)
"""The names of all checks, in the order in which they are told."""
NOT_LOADED = "the checkpoint does not load"
NOT_LOOKED_AT = tuple(
    CheckResult(check=check.NAME, looked_for=check.LOOKED_FOR, status=Status.SKIPPED, reason=NOT_LOADED)
    for check in (words, styles, overshoot)
)
BLOCK = 1 << 20
N_ATTRIBUTED = 5
"""Triggers whose way through the model is looked at."""


def scan_checkpoint(
    checkpoint: Path,
    load: Callable[[], ScanMaterial],
    *,
    waived: Collection[str] = (),
    device: str = "cpu",
    origin: dict[str, Any],
) -> Scan:
    """Look at a checkpoint.

    Args:
        checkpoint: model folder.
        load: the checkpoint with its calibration; called once the files are known to be what they say.
        waived: names of checks that need not have looked.
        device: as torch names it.
        origin: commit, versions and time, for the record.

    Raises:
        LabError: a check of that name is not there to be waived.
        CalibrationError, TextError: the clean texts do not do; see `calibrate_checkpoint`.
    """
    if unknown := sorted(set(waived) - set(CHECKS)):
        raise LabError(f"--waive: must be one of {', '.join(CHECKS)}, is {unknown[0]}")
    start = time.perf_counter()
    loaded = _timed(files.check_files(checkpoint, device=device), start)
    material = load() if loaded.status is not Status.OBJECTS else None
    others, audit = _look_inside(material) if material else (NOT_LOOKED_AT, None)
    checks = (loaded, *others)
    kept = tuple(name for name in CHECKS if name in waived)
    return Scan(
        verdict=verdict_of(checks, kept),
        target_label=next((check.target_label for check in checks if check.target_label), None),
        checks=checks,
        waived=kept,
        architecture=str(material.classifier.model.config.model_type) if material else None,
        labels=material.classifier.labels if material else (),
        n_texts=len(material.texts) if material else 0,
        digest=weights_digest(checkpoint),
        fingerprint=material.calibration.fingerprint if material else None,
        audit=audit,
        where=_where(material, others[0].triggers) if material else None,
        seconds=_since(start),
        provenance=origin,
    )


def weights_digest(folder: Path) -> str:
    """SHA-256 over the weights' files in the order of their names, in hexadecimal; of none where there are none.

    Of one file it is what anybody's tool says of it, as SARIF wants it. The fingerprint's hash holds names, too.
    """
    found = hashlib.sha256()
    for path in weight_files(folder):
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                found.update(block)
    return found.hexdigest()


def _look_inside(material: ScanMaterial) -> tuple[tuple[CheckResult, ...], Audit]:
    """The checks that ask the model, and what an archive keeps of them."""
    start = time.perf_counter()
    spoken, finding = words.check_words(material)
    spoken, start = _timed(spoken, start), time.perf_counter()
    pushed = _timed(overshoot.check_overshoot(material, finding), start)
    start = time.perf_counter()
    return (spoken, _timed(styles.check_styles(material), start), pushed), finding.audit


def _timed(result: CheckResult, start: float) -> CheckResult:
    return result.model_copy(update={"seconds": _since(start)})


def _since(start: float) -> float:
    return round(time.perf_counter() - start, 1)


def _where(material: ScanMaterial, triggers: Sequence[FoundTrigger]) -> Attribution | None:
    """Where what the strongest triggers of one label open lives; None without any, or where the texts are too few."""
    same = [each for each in triggers if (each.label_id, each.place) == (triggers[0].label_id, triggers[0].place)]
    if not same:
        return None
    backdoor = Backdoor([each.words for each in same[:N_ATTRIBUTED]], same[0].label_id, Place(same[0].place))
    try:
        return attribute(material.classifier, backdoor, material.texts, material.labels or None)
    except LabError as error:
        note(f"where the backdoor lives: {error}")
        return None
