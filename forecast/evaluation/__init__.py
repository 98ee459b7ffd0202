"""Honest comparison: rolling origins, scores on the same rows, a test of the difference."""
