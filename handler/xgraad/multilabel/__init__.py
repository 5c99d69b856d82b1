"""Models that may give a text several labels, or none: each label is a two-class view, defended by itself."""
