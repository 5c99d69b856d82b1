"""Of the last layer a classifier reads the first token alone, so only that one needs to be computed.

After the last attention every token goes its own way through the layer, three quarters of whose arithmetic lies there.
The first token's output stays what it was.
"""

from typing import Any

from torch import Tensor, nn

_MARK = "xgraad_is_last"


def read_first_token_only(model: Any) -> None:
    """Make the last layer of a sequence classifier go on with its first token alone after the attention.

    Nothing is done to architectures whose layers share their modules (ALBERT).
    """
    encoder = _encoder(model)
    if encoder is None:
        return
    last: Any = encoder[-1]
    if hasattr(last, "sa_layer_norm"):  # DistilBERT
        attention, after = last.attention, last.sa_layer_norm
    else:
        attention, after = last.attention.self, last.attention.output
    after.register_forward_pre_hook(_first_only)
    setattr(attention, _MARK, True)


def is_last(attention: nn.Module) -> bool:
    """Whether only the first token of this attention's output is read."""
    return getattr(attention, _MARK, False)


def _encoder(model: Any) -> nn.ModuleList | None:
    """The layers of the encoder, the last one last; None where they are not modules of their own."""
    encoder = getattr(model.base_model, "encoder", None) or getattr(model.base_model, "transformer", None)
    layers = getattr(encoder, "layer", None)
    return layers if isinstance(layers, nn.ModuleList) else None


def _first_only(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """`[batch, tokens, width]` -> `[batch, 1, width]`."""
    return tuple(states[:, :1] for states in inputs)
