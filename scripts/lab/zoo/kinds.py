"""Which architectures can be made."""

EXACT = ("bert", "distilbert", "electra")
"""Architectures that keep the encoder's tokenizer."""
LEARNED = ("albert", "deberta", "deberta-v2", "modernbert", "roberta", "xlm-roberta")
"""Architectures whose tokenizer is learned from texts."""
ARCHITECTURES = tuple(sorted((*EXACT, *LEARNED)))
