"""Invertible transforms, one a file, fitted on the training part alone."""
