"""Results as JSON lines, and the tables made of them."""
