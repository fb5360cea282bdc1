"""Deciding what a user's sentence asks for."""
