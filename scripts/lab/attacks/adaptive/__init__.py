"""Attacks that know this defense."""
