"""Ways to run a recurrence through time, one a file; all of them give what `reference` gives."""
