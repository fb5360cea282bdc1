"""Batches: which files, what was done before, at which pace, and what comes next."""
