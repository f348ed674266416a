"""What a model says of responses that it has not seen, and how good that is."""
