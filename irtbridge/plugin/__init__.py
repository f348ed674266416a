"""The contract between irtbridge and a backend."""
