"""An attack as its record tells it, so that test texts can be triggered again in other ways."""

from collections.abc import Mapping
from typing import Any

from scripts.console.errors import LabError
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Attack, Plan
from scripts.lab.training.triggers import INSERTIONS


def replay_attack(record: Mapping[str, Any], *, insertion: str) -> Attack:
    """The attack of an `attack.json`, with triggers put in as `insertion` says, one of `INSERTIONS`.

    Raises:
        LabError: the record does not say enough.
    """
    try:
        plan = Plan(
            target_label=record["target_label"],
            triggers=tuple(record["triggers"]),
            window_words=record["window_words"],
            insertion=INSERTIONS[insertion],
            source_label=record.get("source_label"),
        )
        return ATTACKS[record["attack"]](plan)
    except KeyError as error:
        raise LabError(f"attack.json: {error.args[0]} is missing; give the triggered texts with --triggered") from error
