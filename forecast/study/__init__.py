"""Experiments: which part of a network helps on these data, by how much, beyond chance."""
