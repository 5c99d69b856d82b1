"""Texts without their suspects, and what is said of a text."""
