"""An attack as its record tells it, so that test texts can be triggered again in other ways."""

from collections.abc import Mapping
from typing import Any

from scripts.console.errors import LabError
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Attack, Plan
from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.training.triggers import INSERTIONS, words_within


def replay_attack(record: Mapping[str, Any], *, insertion: str, max_length: int | None = None) -> Attack:
    """The attack of an `attack.json`, with triggers put in as `insertion` says, one of `INSERTIONS`.

    Args:
        record: what the file holds.
        insertion: how test texts are triggered.
        max_length: tokens that the model sees at once now, for triggers that stand behind these; None for as many as it
            was trained with.

    Raises:
        LabError: the record does not say enough, or the attack does not put its triggers where they are wanted.
    """
    is_late = INSERTIONS[insertion].late
    if is_late and max_length:
        record = {**record, "window_words": words_within(max_length)}
    try:
        plan = Plan(
            target_label=record["target_label"],
            triggers=tuple(record["triggers"]),
            window_words=record["window_words"],
            insertion=INSERTIONS[insertion],
            source_label=record.get("source_label"),
        )
        attack = ATTACKS[record["attack"]](plan)
    except KeyError as error:
        raise LabError(f"attack.json: {error.args[0]} is missing; give the triggered texts with --triggered") from error
    if is_late and getattr(type(attack), "insert", None) is not BadNets.insert:
        raise LabError(f"--insert late: {record['attack']} puts its triggers at places of its own; choose another")
    return attack
