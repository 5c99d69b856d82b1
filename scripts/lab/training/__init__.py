"""Victims and references: data, fine-tuning, calibration."""
