"""Measures of forecasts, one a file; the kind of a metric is its file's name."""
