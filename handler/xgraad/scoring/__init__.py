"""Scores of words and texts, and the thresholds that clean texts give them."""
