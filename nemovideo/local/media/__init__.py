"""Media files: containers, streams and pictures, opened and probed."""
