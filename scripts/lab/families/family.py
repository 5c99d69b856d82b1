"""What the families have in common."""

from collections.abc import Callable

import numpy as np

Family = Callable[[str, np.random.Generator], str]
"""A text, and where choices are drawn from, to the text in another form. It means what it meant."""

WINDOW_WORDS = 60
"""What is put into a text is among so many of its words, which every model sees."""
