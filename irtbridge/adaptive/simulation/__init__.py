"""What adaptive tests would do: all sessions step together, and are measured."""
