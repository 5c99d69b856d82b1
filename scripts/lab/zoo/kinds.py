"""Which architectures can be made."""

EXACT = ("bert", "distilbert")
"""Architectures that keep the encoder's tokenizer."""
LEARNED = ("albert", "deberta", "roberta")
"""Architectures whose tokenizer is learned from texts."""
ARCHITECTURES = tuple(sorted((*EXACT, *LEARNED)))
