"""Resumable downloads: what to request, what an answer means, and the file on disk."""
