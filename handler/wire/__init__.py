"""Requests as bytes, in every form they come in."""
