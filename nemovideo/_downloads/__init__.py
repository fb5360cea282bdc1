"""Resumable downloads: what to request, what a response means, and the file on disk."""
