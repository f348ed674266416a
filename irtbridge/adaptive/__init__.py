"""Adaptive tests: which item a person is given next, when a test stops, and what such tests would do."""
