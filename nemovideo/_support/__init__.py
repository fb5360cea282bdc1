"""Helpers for all other packages: time, disk, locks, formats."""
