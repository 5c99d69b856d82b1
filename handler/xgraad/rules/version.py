"""Which version of the default rule this is. Needs no torch: whatever writes a result names it."""

RULE_VERSION = 5
"""Of `verified`; raised with every change of what it answers. Figures compare only within one of them, so rows of
results name it; those without it are older than all that do."""
