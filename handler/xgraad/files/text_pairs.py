"""Was a checkpoint trained on pairs of texts? Where it is to get single ones, what it says of these is worth little.

Nothing in the weights or the tokenizer tells: a second segment is there for pre-training alike. Names may tell, so this
is said and nothing is refused.
"""

from typing import Any

RELATIONS = {
    "contradiction",
    "duplicate",
    "entailment",
    "equivalent",
    "not duplicate",
    "not entailment",
    "not equivalent",
    "not paraphrase",
    "paraphrase",
}
"""Labels that say how two texts stand to one another."""
TASKS = {"anli", "mnli", "mnli-mm", "mrpc", "paws", "qnli", "qqp", "rte", "snli", "wnli", "xnli"}
"""Sets of labelled pairs, as `finetuning_task` of a config.json names them."""


ALONE = "here each text is judged alone; calibrate with --pair-column to judge pairs"


def pair_sign(config: Any, *, takes_pairs: bool) -> str | None:
    """What says that a model of this configuration should judge pairs of texts; None where nothing does, or it does."""
    if takes_pairs:
        return None
    task = str(getattr(config, "finetuning_task", None) or "").casefold()
    if task in TASKS:
        return f"config.json: finetuning_task {task} is about pairs of texts; {ALONE}"
    for name in config.id2label.values():
        if str(name).casefold().replace("_", " ").replace("-", " ") in RELATIONS:
            return f"config.json: a label is {str(name)!r}, a relation of two texts; {ALONE}"
    return None
