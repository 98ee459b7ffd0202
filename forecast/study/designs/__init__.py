"""What may be studied; a design is one file."""
