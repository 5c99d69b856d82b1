"""What judges look at inside a model: the first token's state after every layer, of which the label is made."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from handler.xgraad.files.architectures import architecture_of
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.microbatch import in_microbatches
from handler.xgraad.scoring.conformal import Floats
from handler.xgraad.words.encoding import Encoding, collate


def first_token_states(classifier: Classifier, texts: Sequence[str]) -> Floats:
    """`[texts, layers, width]`; the embedding, where the first token is the same in every text, is no layer."""

    def part(encodings: Sequence[Encoding]) -> list[Floats]:
        output = classifier.model(**arguments_of(classifier, encodings), output_hidden_states=True)
        states = torch.stack([state[:, 0] for state in output.hidden_states[1:]], dim=1)
        return list(states.double().cpu().numpy())

    with torch.inference_mode():
        return np.stack(in_microbatches(classifier.encode(texts), part))


def arguments_of(classifier: Classifier, encodings: Sequence[Encoding]) -> dict[str, Tensor]:
    """What the model's forward pass takes, the texts padded to the longest of them."""
    batch = collate(encodings, pad_id=classifier.encode.pad_id, device=classifier.device)
    return batch.arguments(token_types=architecture_of(classifier.model.config).has_token_types)
