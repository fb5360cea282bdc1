"""HTML for notebooks, made from plain values."""
