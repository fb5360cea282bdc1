"""Values used everywhere: formats, remedies, and times and names as text."""
