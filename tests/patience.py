"""How long the tests wait."""

PATIENCE = 180
"""Seconds a test waits for something that must happen; never how long it takes."""
