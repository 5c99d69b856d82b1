"""Tasks of other kinds that are made out of texts with one topic each."""
