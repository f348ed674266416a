"""What is kept of fits, and which of them are shown."""
