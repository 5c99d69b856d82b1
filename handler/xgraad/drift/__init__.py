"""Are live texts like those of the calibration, and of which of its domains? Told from states, and no text is kept."""
