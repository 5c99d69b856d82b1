"""What all commands share at a terminal: parsers, errors, tables."""
