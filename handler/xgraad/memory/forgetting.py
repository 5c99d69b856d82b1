"""What was remembered and means something honestly is forgotten, before it changes anybody's text."""

from collections.abc import Sequence

from handler.xgraad.events import log_event, text_hash
from handler.xgraad.memory.registry import Trigger, TriggerRegistry
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.reference import Reference
from handler.xgraad.verification.transplant import Graft


def forget_explained(registry: TriggerRegistry, reference: Reference, *, n_labels: int) -> list[Trigger]:
    """Forget the triggers that the reference explains, whoever but an operator remembered them; returns them.

    The log tells how many, and the hashes of their words.
    """
    known = [trigger for trigger in registry.found() if trigger.target < n_labels]
    grafts = {trigger: _grafts(trigger, n_labels) for trigger in known}
    flat = [graft for of_one in grafts.values() for graft in of_one]
    answers = dict(zip(flat, reference.explains(flat), strict=True))
    explained = [trigger for trigger, of_one in grafts.items() if any(answers[graft] for graft in of_one)]
    if explained:
        registry.forget(explained)
        words = [text_hash(" ".join(sorted(trigger.keys))) for trigger in explained]
        log_event("triggers_forgotten", n_triggers=len(explained), hashes=words)
    return explained


def _grafts(trigger: Trigger, n_labels: int) -> Sequence[Graft]:
    """The trigger's words, to be put into the clean texts of every other label."""
    pieces = tuple(sorted(trigger.keys))
    others = (label for label in range(n_labels) if label != trigger.target)
    return [Graft(pieces=pieces, place=Place.INSIDE, target=trigger.target, source=source) for source in others]
