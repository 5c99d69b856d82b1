"""Texts rewritten rather than inserted into."""
