"""Is a suspect a trigger? Suspects in clean texts, and references that know other reasons."""
