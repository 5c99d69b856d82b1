"""The classifier, and what one pass through it shows: logits, attention, gradients."""
