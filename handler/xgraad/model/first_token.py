"""Of the last layer most classifiers read the first token alone, so only that one needs to be computed.

After the last attention every token goes its own way through the layer, three quarters of whose arithmetic lies there.
The first token's output stays what it was.
"""

from typing import Any

from torch import Tensor, nn

from handler.xgraad.files.architectures import architecture_of

_MARK = "xgraad_is_last"


def read_first_token_only(model: Any) -> None:
    """Make the last layer of a sequence classifier go on with its first token alone after the attention.

    Nothing is done to architectures whose layers share their modules, nor to classifiers that read every token.
    """
    architecture = architecture_of(model.config)
    place = architecture.last_layer
    if place is None or not architecture.reads_first_token(model.config):
        return
    last = model.base_model.get_submodule(place.layers)[-1]
    for name in place.after:
        last.get_submodule(name).register_forward_pre_hook(_first_only)
    setattr(last.get_submodule(place.attention), _MARK, True)


def is_last(attention: nn.Module) -> bool:
    """Whether only the first token of this attention's output is read."""
    return getattr(attention, _MARK, False)


def _first_only(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """`[batch, tokens, width]` -> `[batch, 1, width]`."""
    return tuple(states[:, :1] for states in inputs)


def read_states(states: Tensor, mask: Tensor, config: Any) -> Tensor:
    """What a classifier reads of a layer's states: the first token's, or the mean of the text's, `[batch, width]`.

    Args:
        states: `[batch, tokens, width]`; of a layer that goes on with its first token alone, that one is enough.
        mask: of the batch, `[batch, tokens]` bool, True at real tokens.
        config: the model's.
    """
    if architecture_of(config).reads_first_token(config):
        return states[:, 0]
    weights = mask / mask.sum(dim=1, keepdim=True)
    return (states.float() * weights.unsqueeze(-1)).sum(dim=1)
