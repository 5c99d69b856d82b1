"""A server that is started, asked and stopped."""
