"""The summary of a screened corpus as a page to read."""
