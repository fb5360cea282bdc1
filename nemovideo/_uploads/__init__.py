"""Uploads: checks, file names and the request body."""
