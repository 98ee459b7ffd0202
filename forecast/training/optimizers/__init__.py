"""Rules by which weights follow their gradients, one a file."""
