"""Forecasters with scikit-learn's interface."""
