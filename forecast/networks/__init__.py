"""Recurrent networks as equations: cells, initial states, and one loop over time."""
