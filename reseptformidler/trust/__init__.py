"""Whose certificate signed a message, and whether we believe it."""
