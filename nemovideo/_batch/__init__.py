"""Batches of many files."""
