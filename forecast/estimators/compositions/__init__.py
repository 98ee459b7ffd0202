"""Forecasters made of others, one file each."""
