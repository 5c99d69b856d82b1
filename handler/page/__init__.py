"""An explained reply as a page for a browser."""
