"""Background removal, which can be resumed from another process."""
