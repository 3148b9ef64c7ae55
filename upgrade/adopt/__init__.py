"""Gives the building block to a project that a unit has already; nothing of the unit's is overwritten."""
