"""Drawing of scenes and text."""
