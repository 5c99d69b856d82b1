"""Repair a checkpoint for good: which method suits what there is, and the record of what it did."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from handler.xgraad.files.architectures import ARCHITECTURES
from handler.xgraad.files.config_json.unserved import refusal_of
from handler.xgraad.files.configuration import longest_input
from handler.xgraad.files.fingerprint import hash_weights
from handler.xgraad.learned.repair_record import REPAIR_FILE, RepairRecord
from handler.xgraad.words.text import text_key
from scripts.console.errors import LabError
from scripts.hub.origin import model_name
from scripts.lab.defenses import DEFENSES
from scripts.lab.defenses.base import Material, Repair
from scripts.lab.defenses.held_out import held_out
from scripts.lab.training.victim import load_base
from scripts.results.provenance import provenance
from scripts.texts.corpora import Example

PREFERRED = ("agreement", "rebuild", "thorough")
"""The best first, of methods that differ in what they need. A model that is made of a trusted base has nothing of the
suspect's weights; with further texts it is more accurate. Without a trusted base `augmentation` goes farthest, for
triggers that resemble what it puts in, and `thorough` is the same with those that can be found. The table of defenses
has the figures."""


class HeldOutEffect(NamedTuple):
    """What a repair did to texts that it never learned from."""

    accuracy_before: float
    accuracy_after: float
    n_changed: int
    """Texts with another label than before."""


def preferred_method(material: Material) -> str:
    """The best method that this material allows."""
    has_base, has_more = material.trusted_base is not None, material.more is not None
    allowed = (
        name
        for name in PREFERRED
        if has_base >= (made := _repair_class(name)).NEEDS_BASE and has_more >= made.NEEDS_MORE
    )
    return next(allowed)


def repair_checkpoint(method: str, material: Material, out: Path) -> RepairRecord:
    """Repair, measure on a fifth of the clean texts that is held out, and write the checkpoint with its record.

    Args:
        method: a name in `DEFENSES` that repairs and does nothing else.
        material: of the suspect; its checkpoint was opened before.
        out: folder for what is made; must not exist.

    Raises:
        LabError, XGraadError: the material does not suit the method, or what it makes could not be served.
    """
    suspect = material.classifier()
    repair_class = _repair_class(method)
    _require_material(method, repair_class, material, n_labels=len(suspect.labels))
    kept = held_out(material.clean_examples(), labels=suspect.labels, seed=material.seed)
    material = replace(material, held_out=frozenset(text_key(example.text) for example in kept))
    repair_class(material).write(out)
    repaired = replace(material, checkpoint=out).classifier()
    texts = [example.text for example in kept]
    before, after = (each.logits(each.encode(texts)).argmax(dim=-1) for each in (suspect, repaired))
    record = _record(method, repair_class, material, out, _effect(kept, before, after))
    (out / REPAIR_FILE).write_text(record.to_json(), encoding="utf-8")
    return record


def _repair_class(method: str) -> type[Repair]:
    found = DEFENSES[method].repair_class()
    if found is None:
        raise LabError(f"method must be one that repairs, is {method}")
    return found


def _require_material(method: str, repair_class: type[Repair], material: Material, *, n_labels: int) -> None:
    """Refuse before anything is trained what would fail later."""
    if repair_class.NEEDS_MORE and material.more is None:
        raise LabError(f"--method {method} needs further texts of the task, --texts is missing; name a file of them")
    if not repair_class.NEEDS_BASE:
        return
    if material.trusted_base is None:
        cure = "name an encoder whose publisher you trust, or choose another method"
        raise LabError(f"--method {method} needs a trusted base, --trusted-base is missing; {cure}")
    config = load_base(material.base(), n_labels=n_labels)[0].config
    if config.model_type not in ARCHITECTURES:
        raise LabError(f"--trusted-base: model_type {refusal_of(config.model_type)}")
    if longest_input(config) < material.max_length:
        raise LabError(
            f"--max-length must be at most {longest_input(config)} for this trusted base, is {material.max_length}"
        )


def _effect(kept: Sequence[Example], before: Tensor, after: Tensor) -> HeldOutEffect:
    """Of `[texts]` class numbers before and after."""
    true = torch.tensor([example.label for example in kept])
    first, then = (float((said == true).float().mean()) for said in (before, after))
    return HeldOutEffect(first, then, n_changed=int((before != after).sum()))


def _record(
    method: str, repair_class: type[Repair], material: Material, out: Path, effect: HeldOutEffect
) -> RepairRecord:
    made_by = provenance()
    return RepairRecord(
        method=method,
        seed=material.seed,
        suspect=hash_weights(material.checkpoint),
        repaired=hash_weights(out),
        trusted_base=model_name(Path(material.base())) if repair_class.NEEDS_BASE else None,
        n_learned=len(material.clean_examples()),
        n_held_out=len(material.held_out),
        **effect._asdict(),
        limits=repair_class.LIMITS,
        **{name: made_by[name] for name in ("commit", "dirty", "versions")},
    )
