"""Starts of the recurrence, one a file."""
