"""Rules that decide about texts."""
