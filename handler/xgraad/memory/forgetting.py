"""What was remembered and means something honestly is forgotten, before it changes anybody's text."""

from handler.xgraad.events import log_event, text_hash
from handler.xgraad.memory.registry import Trigger, TriggerRegistry
from handler.xgraad.verification.reference import Reference
from handler.xgraad.verification.transplant import Graft


def forget_explained(registry: TriggerRegistry, reference: Reference, *, n_labels: int) -> list[Trigger]:
    """Forget the triggers that the reference explains, whoever but an operator remembered them; returns them.

    The log tells how many, and the hashes of their words.
    """
    known = [trigger for trigger in registry.found() if trigger.target < n_labels]
    grafts = {trigger: Graft.of_keys(trigger.keys, target=trigger.target, n_labels=n_labels) for trigger in known}
    flat = [graft for of_one in grafts.values() for graft in of_one]
    answers = dict(zip(flat, reference.explains(flat), strict=True))
    explained = [trigger for trigger, of_one in grafts.items() if any(answers[graft] for graft in of_one)]
    if explained:
        registry.forget(explained)
        words = [text_hash(" ".join(sorted(trigger.keys))) for trigger in explained]
        log_event("triggers_forgotten", n_triggers=len(explained), hashes=words)
    return explained
