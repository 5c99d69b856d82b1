"""Checkpoint, calibration and handler in one archive, and its checks."""
