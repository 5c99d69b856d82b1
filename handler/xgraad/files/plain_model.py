"""The plain transformers model of a checkpoint, over the very weights that a served one has read.

It is built anew from config.json, with transformers' eager attention and none of our changes, and takes the served
model's parameters as its own: the same tensors, not copies, so that neither time nor memory of a second load is spent.
"""

from copy import deepcopy
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from handler.xgraad.errors import CheckpointError, reason
from handler.xgraad.quiet import quiet_transformers


def empty_model(config: Any) -> Any:
    """The classifier that `config` describes, on the meta device: shapes without weights.

    Raises:
        CheckpointError: a configuration of which no model can be made.
    """
    own = deepcopy(config)  # transformers writes into it how attention is done, which is done otherwise where we serve
    try:
        with quiet_transformers(), torch.device("meta"):
            return AutoModelForSequenceClassification.from_config(own, attn_implementation="eager").eval()
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, RuntimeError) as error:
        raise CheckpointError(f"config.json: no {config.model_type} can be made of it: {reason(error)}") from error


def with_weights_of(served: Any, empty: Any) -> Any:
    """An empty model, from now on with the parameters and buffers of `served`, frozen."""
    empty.load_state_dict(served.state_dict(), assign=True)
    owners = dict(empty.named_modules())
    for name, buffer in served.named_buffers():
        owner, _, own_name = name.rpartition(".")
        setattr(owners[owner], own_name, buffer)  # those that are in no state: position_ids
    return empty.requires_grad_(False)
