"""Drawn pictures: scenes, titles and their fonts."""
