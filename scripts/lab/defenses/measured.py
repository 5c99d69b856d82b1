"""The figures of a defense by name, as rows of results have them."""

import time
from collections.abc import Sequence
from typing import Any

from scripts.lab.defenses import DEFENSES, SWEPT
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.defended import defended
from scripts.lab.evaluation.evaluation import evaluate
from scripts.texts.corpora import Example, TriggeredExample


def measure_defense(
    name: str,
    material: Material,
    *,
    clean: Sequence[Example],
    triggered: Sequence[TriggeredExample],
    target_label: int,
    own_texts: Sequence[TriggeredExample] = (),
) -> dict[str, Any]:
    """What `evaluate` finds of the defense, under `defense` its name, with what it notes of itself and what it
    remembers after the clean texts.

    What is served after a sweep stands under `asr_swept` as well. `seconds_once` is what it takes to make the defense
    of a checkpoint: repair, calibration, tuning, loading. What was found made counts as if it had been made now.
    """
    started = time.perf_counter()
    judge = defended(name, material)
    seconds_once = time.perf_counter() - started + material.kept.spared
    cold = judge.cold()
    figures = evaluate(
        judge,
        cold=None if cold is judge else cold,
        memory=lambda: judge.memory()._asdict(),
        aside=judge.seconds_aside,
        clean=clean,
        triggered=triggered,
        target_label=target_label,
        own_texts=own_texts,
    )
    del figures["rule"]
    swept = {SWEPT: figures["asr_defended"]} if DEFENSES[name].headline == SWEPT else {}
    return {"defense": name, **judge.notes(), **figures, **swept, "seconds_once": seconds_once}
