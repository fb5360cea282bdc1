"""Bytes and JSON from the wire to models and events."""
