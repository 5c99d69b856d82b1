"""Forms that a text can take without another label: each a small function that draws from a generator."""
