"""What makes, packs, serves and measures defended models. Never part of an archive."""
