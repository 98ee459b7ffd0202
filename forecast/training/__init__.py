"""From windows to weights: settings, loop, checkpoints."""
