"""Attacks on weights rather than on labels alone."""
