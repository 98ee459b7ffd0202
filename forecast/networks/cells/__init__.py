"""Step equations, one a file."""
