"""Words of a text, and texts as tokens."""
