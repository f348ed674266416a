"""The same work done by irtbridge and by its peers: ``python -m benchmarks.run suite=NAME``."""
