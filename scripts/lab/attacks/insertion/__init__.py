"""Triggers that are put into texts."""
