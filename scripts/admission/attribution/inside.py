"""What texts do inside a model: the outputs of all heads, and the state that the label is read of."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.files.architectures import architecture_of
from handler.xgraad.model.classifier import PLAIN_TOKENS
from handler.xgraad.model.first_token import read_states
from handler.xgraad.model.microbatch import in_microbatches
from handler.xgraad.words.encoding import Encoding, collate
from scripts.admission.attribution.heads import Positions, at_heads


class Inside(NamedTuple):
    """Of some texts; float32 on the CPU."""

    first: Tensor
    """What the heads say at the first token, `[texts, layers, heads, head width]`."""
    mean: Tensor
    """The mean of what they say over the text's tokens, of the same shape. Of the last layer it may be what they say at
    the first one, where no other is computed."""
    states: Tensor
    """The hidden state that the label is read of after each layer, `[texts, layers, hidden width]`."""

    def of_each(self, positions: Positions) -> Tensor:
        """What heads say there in each text, `[texts, layers, heads, head width]`."""
        return self.first if positions is Positions.FIRST else self.mean

    def at(self, positions: Positions) -> Tensor:
        """The mean over the texts of what heads say there, `[layers, heads, head width]`; every text counts alike."""
        return self.of_each(positions).mean(dim=0)


def look_inside(classifier: Classifier, encodings: Sequence[Encoding]) -> Inside:
    """One forward pass of each text, of which there must be one at least."""
    with torch.inference_mode():
        rows = in_microbatches(
            encodings, partial(_look_part, classifier), max_tokens=PLAIN_TOKENS[classifier.device.type]
        )
    return Inside(*map(torch.stack, zip(*rows, strict=True)))


def _look_part(classifier: Classifier, encodings: Sequence[Encoding]) -> list[tuple[Tensor, Tensor, Tensor]]:
    model, batch = classifier.model, collate(encodings, pad_id=classifier.encode.pad_id, device=classifier.device)
    weights = (batch.mask / batch.mask.sum(dim=1, keepdim=True)).unsqueeze(-1)
    first, mean = [], []

    def look(_layer: int, outputs: Tensor) -> Tensor:
        first.append(outputs[:, 0].float())
        mean.append((outputs.float() * weights).sum(dim=1) if outputs.shape[1] > 1 else first[-1])
        return outputs

    arguments = batch.arguments(token_types=architecture_of(model.config).has_token_types)
    with at_heads(model, look):
        output = model(**arguments, output_hidden_states=True)
    states = torch.stack(
        [read_states(state, batch.mask, model.config).float() for state in output.hidden_states[1:]], dim=1
    )
    of_heads = (
        torch.stack(each, dim=1).unflatten(-1, (model.config.num_attention_heads, -1)) for each in (first, mean)
    )
    return list(zip(*(part.cpu() for part in (*of_heads, states)), strict=True))
