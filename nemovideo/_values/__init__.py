"""Values that any room may use: formats, remedies, and times and names as text."""
