"""Triggers that were verified once, remembered and forgotten."""
