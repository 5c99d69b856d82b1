"""What judges look at inside a model: the state after every layer that the label is read of.

It is the first token's, or where a classifier pools all tokens their mean.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from handler.xgraad.files.architectures import architecture_of
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.first_token import read_states
from handler.xgraad.model.microbatch import in_microbatches
from handler.xgraad.scoring.conformal import Floats
from handler.xgraad.words.encoding import Encoding, collate


def states_read(classifier: Classifier, texts: Sequence[str]) -> Floats:
    """`[texts, layers, width]`; the embedding, where the first token is the same in every text, is no layer."""
    config = classifier.model.config

    def part(encodings: Sequence[Encoding]) -> list[Floats]:
        arguments = arguments_of(classifier, encodings)
        output, mask = classifier.model(**arguments, output_hidden_states=True), arguments["attention_mask"].bool()
        states = torch.stack([read_states(state, mask, config) for state in output.hidden_states[1:]], dim=1)
        return list(states.double().cpu().numpy())

    with torch.inference_mode():
        return np.stack(in_microbatches(classifier.encode(texts), part))


def arguments_of(classifier: Classifier, encodings: Sequence[Encoding]) -> dict[str, Tensor]:
    """What the model's forward pass takes, the texts padded to the longest of them."""
    batch = collate(encodings, pad_id=classifier.encode.pad_id, device=classifier.device)
    return batch.arguments(token_types=architecture_of(classifier.model.config).has_token_types)
