"""What a command raises on purpose, beside the errors of the package it drives."""


class LabError(Exception):
    """Input that a command cannot use. The message names the field, the rule and the value, and what to do next."""
