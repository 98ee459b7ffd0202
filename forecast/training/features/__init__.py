"""Inputs computed from a window's own past, one file each."""
