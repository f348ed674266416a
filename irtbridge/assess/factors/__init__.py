"""Factors: how many the data carry, and in which rotation they are read."""
